import { sleep } from '../../util/deadline.js';
import { OrdealError } from '../../util/errors.js';
import type { SnapshotNotice, Subscriber } from './hub.js';

const retryMs = 100;

/**
 * Tells the VNF with a POST of JSON; every 2xx is its answer. The end of an operation is said again until it was heard
 * or the deadline is over, because a VNF that misses it stays prepared for nothing.
 */
export function webhook(url: string, { authorization }: { authorization?: string } = {}): Subscriber {
  return async (notice, signal) => {
    for (;;) {
      try {
        await post(url, authorization, notice, signal);
        return;
      } catch (e) {
        if (signal.aborted || !notice.event.endsWith('-end')) throw e;
        await sleep(retryMs, signal);
      }
    }
  };
}

async function post(url: string, authorization: string | undefined, notice: SnapshotNotice, signal: AbortSignal) {
  const { event, vnfInstanceId, vnfcInstanceIds, deadlineMs } = notice;
  const response = await fetch(url, {
    method: 'POST',
    signal,
    headers: { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) },
    body: JSON.stringify({
      notificationType: 'VnfSnapshotNotification',
      timeStamp: new Date().toISOString(),
      event,
      vnfInstanceId,
      vnfcInstanceIds,
      deadlineMs,
    }),
  });
  const body = await response.text();
  if (response.ok) return;
  throw new OrdealError('vim-failed', `VNF "${vnfInstanceId}" refuses ${event}`, {
    where: url,
    got: `${response.status} ${body.slice(0, 200)}`.trim(),
    remedy: 'Look after its notification endpoint.',
  });
}
