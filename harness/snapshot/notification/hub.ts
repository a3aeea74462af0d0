import type { SnapshotEvent, SnapshotNotification } from '../../model/roles.js';

/** What a subscriber is told (tables 7.5.6-1, VeVnfmvnf-Vsn.002 and .003). */
export interface SnapshotNotice {
  readonly event: SnapshotEvent;
  readonly vnfInstanceId: string;
  readonly vnfcInstanceIds: readonly string[];
  /**
   * Milliseconds for the answer. Who has prepared for a snapshot and hears of no end goes back to normal operation by
   * itself: after this time the VNFM has given up.
   */
  readonly deadlineMs: number;
}

/** Answers when the VNF has prepared, or is back to normal operation. Rejects when it refuses. */
export type Subscriber = (notice: SnapshotNotice, signal: AbortSignal) => Promise<void>;

export interface Subscription {
  /** Absent: every VNF. */
  readonly vnf?: string;
  /** Absent: every event. */
  readonly events?: readonly SnapshotEvent[];
}

/**
 * The VNF Snapshot Notification interface as the VNFM produces it (VeVnfmvnf-Vsn.001): VNFs subscribe. All subscribers
 * of a VNF are told at once, and all must answer.
 */
export class NotificationHub implements SnapshotNotification {
  readonly #subscribers = new Map<symbol, { readonly to: Subscription; readonly subscriber: Subscriber }>();

  subscribe(to: Subscription, subscriber: Subscriber): Disposable {
    const key = Symbol('subscription');
    this.#subscribers.set(key, { to, subscriber });
    return { [Symbol.dispose]: () => void this.#subscribers.delete(key) };
  }

  async notify(
    event: SnapshotEvent,
    vnfInstanceId: string,
    vnfcInstanceIds: readonly string[],
    deadlineMs: number,
  ): Promise<void> {
    const notice = { event, vnfInstanceId, vnfcInstanceIds, deadlineMs };
    const concerned = [...this.#subscribers.values()].filter(
      ({ to }) => (to.vnf ?? vnfInstanceId) === vnfInstanceId && (to.events?.includes(event) ?? true),
    );
    const signal = deadlineMs === 0 ? new AbortController().signal : AbortSignal.timeout(deadlineMs);
    const answers = await Promise.allSettled(concerned.map(({ subscriber }) => subscriber(notice, signal)));
    for (const answer of answers) if (answer.status === 'rejected') throw answer.reason;
  }
}
