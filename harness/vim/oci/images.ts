import { resolve } from 'node:path';
import { OrdealError } from '../../util/errors.js';
import type { Containers } from './containers.js';
import type { DeployedVnfc } from './deployment.js';
import type { OciContainer, OciEngine } from './engine.js';

/** Of an engine: its images by name. */
export interface ImageKeeper {
  hasImage(image: string): Promise<boolean>;
  /** @param archive a tar of a root file system */
  importImage(archive: string, image: string): Promise<void>;
}

/** The images that containers are made from, as far as the descriptor says where they come from. */
export class Images {
  constructor(
    readonly containers: Containers,
    readonly engine: OciEngine & ImageKeeper,
  ) {}

  /** From its archive, where it is missing. Without an archive nothing is done. */
  async provide({ deployment: { image, archive } }: DeployedVnfc): Promise<void> {
    if (image === undefined || archive === undefined || (await this.engine.hasImage(image))) return;
    await this.engine.importImage(resolve(this.containers.service.folder, archive), image);
  }

  /**
   * Whoever deletes an image in mid-run takes the ground from the container that is to be made of a snapshot: what the
   * snapshot holds lies over it. @throws OrdealError of kind file-missing when it is gone for good
   */
  async provideFor(spec: OciContainer['spec'], resource: string): Promise<void> {
    if ((await this.engine.lacksImage(spec)) === undefined) return;
    const deployed = this.containers.deployed.find((d) => d.resource === resource);
    if (deployed !== undefined) await this.provide(deployed);
    const missing = await this.engine.lacksImage(spec);
    if (missing === undefined) return;
    throw new OrdealError('file-missing', `The image "${missing}" of "${resource}" is gone from ${this.engine.kind}`, {
      where: this.containers.service.file,
      expected: 'the image that the snapshot was made with, or the archive that it comes from',
      got: 'neither',
      remedy: 'Load or pull that very image again, then `ordeal recover`; the snapshot is unharmed.',
    });
  }
}
