import { type FaultReading, faultParams, type Injection } from '../../model/fault.js';
import { impairment, type LinkFault } from './impairments.js';
import { measureLink, type Way } from './link-probe.js';
import { type Frame, Switch } from './switch.js';

const LINK = 'link';

/** The one link of a process that holds a fault. It heals by itself at its deadline, whatever became of who started it. */
export class ImpairedLink {
  readonly fault: LinkFault;
  readonly #network: Switch;
  #isOn = true;

  constructor(
    readonly injection: Injection,
    deliver: (frame: Frame) => void,
    strikes: (frame: Frame) => boolean = () => true,
  ) {
    const kind = injection.kind as LinkFault['kind'];
    this.fault = { kind, ...faultParams[kind].parse(injection.params) } as LinkFault;
    this.#network = new Switch([LINK], deliver);
    this.#network.impair([LINK], impairment(injection.id, this.fault, injection.seed, strikes));
    setTimeout(() => this.heal(), injection.expiresAfterMs).unref();
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  /** What is held back is let go. Idempotent. */
  heal(): void {
    this.#isOn = false;
    this.#network.heal(this.injection.id);
  }

  send(frame: Omit<Frame, 'link'>): void {
    this.#network.send({ link: LINK, ...frame });
  }

  measure(ways: readonly Omit<Way, 'link'>[]): Promise<FaultReading> {
    return measureLink(
      this.#network,
      ways.map((way) => ({ link: LINK, ...way })),
      this.fault,
    );
  }
}
