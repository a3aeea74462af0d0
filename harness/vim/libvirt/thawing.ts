import { sleep } from '../../util/deadline.js';
import { ConnectionLostError, ErrorCode, LibvirtClient, LibvirtError, procedures, uuidBytes } from './rpc/index.js';

export interface ThawingOptions {
  /** Milliseconds from now at which the guest is thawed. */
  readonly afterMs: number;
  /** Milliseconds between two attempts. */
  readonly everyMs?: number;
  /** Milliseconds without any answer of libvirt after which nothing more is tried. */
  readonly unreachableMs?: number;
}

/**
 * Thaws the file systems of one guest after a while. It does not give up while the guest lives: an agent may be slow, and
 * a guest that is paused now answers when it goes on.
 * @returns `gone` when the guest that was frozen runs no more, and its file systems are frozen no more
 */
export async function thawAfterwards(
  uri: string,
  uuid: string,
  { afterMs, everyMs = 1000, unreachableMs = 3_600_000 }: ThawingOptions,
): Promise<'thawed' | 'gone' | 'unreachable'> {
  const dueAt = performance.now() + afterMs;
  const client = new LibvirtClient(uri);
  /** Of the QEMU that was frozen: the id changes with every start. */
  let boot: number | undefined;
  let answeredAt = performance.now();
  const attempt = async (): Promise<'thawed' | 'gone' | undefined> => {
    const { dom } = await client.call(procedures.domainLookupByUuid, { uuid: uuidBytes(uuid) });
    answeredAt = performance.now();
    boot ??= dom.id;
    if (dom.id !== boot || dom.id < 0) return 'gone';
    if (performance.now() < dueAt) return undefined;
    await client.call(procedures.domainFsThaw, { dom, mountpoints: [], flags: 0 });
    return 'thawed';
  };
  try {
    for (;;) {
      try {
        const end = await attempt();
        if (end !== undefined) return end;
      } catch (e) {
        if (e instanceof LibvirtError && e.code === ErrorCode.noDomain) return 'gone';
        // Everything else may pass: the daemon restarts, the guest is paused, its agent is slow.
        const isSilent = e instanceof ConnectionLostError && performance.now() - answeredAt > unreachableMs;
        if (isSilent) return 'unreachable';
      }
      const untilDueMs = dueAt - performance.now();
      await sleep(untilDueMs > 0 ? untilDueMs : everyMs);
    }
  } finally {
    await client.close();
  }
}
