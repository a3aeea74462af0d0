import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../../../../harness/util/package-root.js';

/** What stands for an image on a node without a container runtime: where its folders are, and its programs. */
export interface PlayedImage {
  /** Folders of the image, by their path in it. */
  readonly folders: Readonly<Record<string, string>>;
  /** Programs by the name that a pod calls them by: the command that is run in their stead. */
  readonly programs: Readonly<Record<string, readonly string[]>>;
  /** What runs where the pod names no command. */
  readonly entrypoint?: readonly string[];
}

const here = dirname(fileURLToPath(import.meta.url));
const node = { node: [process.execPath] };

export const playedImages: Readonly<Record<string, PlayedImage>> = {
  'ordeal/session-service-kubernetes:1': {
    folders: { '/app': join(packageRoot, 'scenarios', 'session-kubernetes', 'image') },
    programs: node,
  },
  'ordeal/contract-vnfc:test': {
    folders: { '/app': join(packageRoot, 'dist', 'test', 'vim', 'kubernetes') },
    programs: node,
  },
  'ordeal:test': {
    folders: { '/ordeal': packageRoot },
    programs: node,
    entrypoint: ['node', '/ordeal/bin/ordeal.js'],
  },
  // The checkpoint reader asks for nothing but a file server.
  'busybox:1.37': { folders: {}, programs: { httpd: [process.execPath, join(here, 'httpd.js')] } },
};
