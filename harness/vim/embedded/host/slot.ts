import { reasonOf } from '../../../util/errors.js';
import type { Compute } from './compute.js';
import { type ExternalPoint, type Handles, reopen } from './external-point.js';
import { HttpPoint } from './http-point.js';
import type { PlannedVnfc } from './plan.js';
import { UdpPoint } from './udp-point.js';

/** What stays when containers come and go: a resource's name, its address, its ports. */
export class Slot {
  readonly points = new Map<number, ExternalPoint>();
  #inPlace: Compute | undefined;

  constructor(
    readonly spec: PlannedVnfc,
    handles: Handles,
  ) {
    spec.connectionPoints.forEach((cp, index) => {
      if (cp.external === undefined) return;
      const Point = cp.external.protocol === 'http' ? HttpPoint : UdpPoint;
      const takeIn = (handle: number, data: Uint8Array): boolean =>
        this.#inPlace?.receive([index, handle, data], true) ?? false;
      const complain = (what: string): void => this.#inPlace?.log.line(2, `[nfvi] ${cp.id}: ${what}`);
      this.points.set(index, new Point(`${spec.vnfcId}.${cp.id}`, cp.external.port, handles, takeIn, complain));
    });
  }

  get inPlace(): Compute | undefined {
    return this.#inPlace;
  }
  /** Ports are not touched before sync. */
  put(compute: Compute | undefined): void {
    if (this.#inPlace !== undefined) this.#inPlace.inPlace = false;
    this.#inPlace = compute;
    if (compute !== undefined) compute.inPlace = true;
  }

  get serving(): boolean {
    return this.#inPlace?.power === 'on' && !this.#inPlace.quarantined;
  }

  /** Opens the ports for the first time. @throws OrdealError of kind port-in-use */
  async open(): Promise<void> {
    for (const point of this.points.values()) await point.open();
  }

  /** Ports are open while a container serves, and refuse connections while none does. */
  sync(): void {
    for (const point of this.points.values()) {
      if (!this.serving) point.close();
      else if (!point.isOpen) {
        const failed = (e: unknown): void => this.#inPlace?.log.line(2, `[nfvi] ${reasonOf(e)}; trying again`);
        void reopen(point, () => this.serving, failed);
      }
    }
  }

  close(): void {
    for (const point of this.points.values()) point.close();
  }

  /** The connection point through which the resource joins a link; -1 when it does not. */
  pointOn(link: string): number {
    return this.spec.connectionPoints.findIndex((cp) => cp.link === link);
  }
}
