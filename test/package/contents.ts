import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { InstanceSnapshot, VnfSnapshot } from '../../harness/model/snapshot.js';
import type { SnapshotImage } from '../../harness/model/vim.js';
import type { PackageContent } from '../../harness/package/index.js';

export function instanceSnapshot(vnfcId: string, change: Partial<InstanceSnapshot> = {}): InstanceSnapshot {
  return {
    id: `snap-${vnfcId}`,
    name: 'before the fault',
    description: '',
    createdAt: '2026-11-22T23:00:00.000Z',
    resource: vnfcId,
    computeId: `${vnfcId}@1`,
    type: 'warm',
    powerState: 'on',
    memory: { bytes: 65536, technique: 'external' },
    disks: [{ id: 'data', bytes: 4096, included: true }],
    infrastructure: { memoryBytes: 65536 },
    metadata: {},
    pausedMs: 1.5,
    bytesStored: 70_000,
    location: `vim:${vnfcId}`,
    ...change,
  };
}

export function vnfSnapshot(vnfcIds: readonly string[]): VnfSnapshot {
  const at = '2026-11-22T23:00:00.000Z';
  return {
    id: 'vnfsnap-1',
    vnfInstanceId: 'session-gateway',
    vnfdId: 'vnfd-session-gateway',
    creationStartedAt: at,
    creationFinishedAt: at,
    vnfInstance: {
      id: 'session-gateway',
      vnfdId: 'vnfd-session-gateway',
      instantiationState: 'INSTANTIATED',
      instantiatedVnfInfo: {
        vnfState: 'STARTED',
        vnfcResourceInfo: vnfcIds.map((id) => ({
          id,
          vduId: id,
          computeResource: { vimConnectionId: 'embedded', resourceId: `${id}@1` },
          storageResourceIds: ['data'],
          vnfcCpInfo: [],
          metadata: {},
        })),
        vnfVirtualLinkResourceInfo: [],
      },
      vnfConfigurableProperties: {},
    },
    vnfcSnapshots: vnfcIds.map((id) => ({
      id: `snap-${id}`,
      vnfcInstanceId: id,
      vnfcResourceInfoId: id,
      creationStartedAt: at,
      creationFinishedAt: at,
      computeSnapshotResource: { vimConnectionId: 'embedded', resourceId: `snap-${id}` },
      storageSnapshotResources: [{ storageResourceId: 'data' }],
      userDefinedData: {},
    })),
    userDefinedData: { name: 'before the fault', purpose: 'forensic', excluded: [] },
  };
}

export const image = (name: string, role: SnapshotImage['role'], bytes: Buffer): SnapshotImage => ({
  name,
  role,
  sizeBytes: bytes.length,
  open: async () => Readable.from([bytes]),
});

export const artifact = (path: string, content: string | Buffer): PackageContent['artifacts'][number] => ({
  path,
  open: () => Readable.from([Buffer.from(content)]),
});

/** A small but complete package content: two VNFCs with memory and disk, a VNFD folder, three artifacts. */
export async function sampleContent(folder: string): Promise<PackageContent> {
  const vnfd = join(folder, 'vnfd.yaml');
  await writeFile(vnfd, 'tosca_definitions_version: tosca_simple_yaml_1_3\n');
  const vnfcIds = ['store-1', 'store-2'];
  return {
    vnfSnapshot: vnfSnapshot(vnfcIds),
    vnfd: { file: vnfd },
    images: vnfcIds.map((id) => ({
      vnfcId: id,
      record: instanceSnapshot(id),
      images: [
        image('memory.raw', 'memory', Buffer.concat([Buffer.alloc(49152), randomBytes(16384)])),
        image('disk-data.raw', 'disk', Buffer.alloc(4096, 7)),
        image('state.json', 'state', Buffer.from('{"globals":[1,2]}')),
      ],
    })),
    artifacts: [
      artifact('run.json', '{"schema":"ordeal.run/1"}'),
      artifact('logs/store-1.log', 'started\n'),
      artifact('pictures/latency.png', randomBytes(64)),
    ],
  };
}

/** Writable bytes that are made as they are read: nothing of them is held. */
export function generated(bytes: number, chunkBytes = 1024 * 1024): Readable {
  const chunk = Buffer.alloc(chunkBytes);
  randomBytes(chunkBytes / 8).copy(chunk, chunkBytes / 2);
  let left = bytes;
  return new Readable({
    highWaterMark: chunkBytes,
    read() {
      const size = Math.min(left, chunkBytes);
      left -= size;
      this.push(size === 0 ? null : chunk.subarray(0, size));
    },
  });
}
