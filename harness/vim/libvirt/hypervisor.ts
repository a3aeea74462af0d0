import { OrdealError } from '../../util/errors.js';
import { DomainXml, ordealNamespace } from './domain-xml.js';
import { fromLibvirt } from './errors.js';
import { type Marks, readMarks, writeMarks } from './marks.js';
import {
  type DomainRef,
  ErrorCode,
  LibvirtClient,
  LibvirtError,
  type Procedure,
  procedures,
  uuidBytes,
  uuidText,
} from './rpc/index.js';

/** virDomainModificationImpact */
export const Affect = { current: 0, live: 1, config: 2 } as const;
const XML = { secure: 1, inactive: 2 } as const;
const LIST_PERSISTENT = 4;
const METADATA_ELEMENT = 2;
const METADATA_KEY = 'ordeal';
const DESTROY_ATTEMPTS = 3;

/** virDomainState and the reasons that are told apart here. */
export const DomainState = { running: 1, blocked: 2, paused: 3, shutdown: 4, shutoff: 5, crashed: 6 } as const;

export interface PowerOfDomain {
  readonly state: number;
  readonly reason: number;
}

/** The daemon with the calls that the driver makes of it; errors are Ordeal's from here on. */
export class Hypervisor implements AsyncDisposable {
  readonly client: LibvirtClient;
  readonly #where: string;

  /** @throws OrdealError of kind file-invalid for a URI that cannot be meant */
  constructor(uri: string) {
    this.#where = `libvirt at ${uri}`;
    try {
      this.client = new LibvirtClient(uri);
    } catch (e) {
      throw fromLibvirt(e, 'libvirt cannot be opened', this.#where);
    }
  }

  get isLocal(): boolean {
    return this.client.isLocal;
  }

  /** @param what for the error: subject and event. @param deadlineMs 0 means none */
  async call<A, R>(procedure: Procedure<A, R>, args: A, what: string, deadlineMs?: number): Promise<R> {
    try {
      return await this.client.call(procedure, args, deadlineMs);
    } catch (e) {
      throw fromLibvirt(e, what, this.#where);
    }
  }

  /** As call, but an answer of libvirt with one of these codes is undefined. */
  async callUnless<A, R>(
    codes: readonly number[],
    procedure: Procedure<A, R>,
    args: A,
    what: string,
  ): Promise<R | undefined> {
    try {
      return await this.client.call(procedure, args);
    } catch (e) {
      if (e instanceof LibvirtError && codes.includes(e.code)) return undefined;
      throw fromLibvirt(e, what, this.#where);
    }
  }

  async domains(): Promise<readonly DomainRef[]> {
    const args = { needResults: 1, flags: 0 };
    return (await this.call(procedures.connectListAllDomains, args, 'the domains cannot be listed')).domains;
  }

  /** @throws OrdealError of kind unknown-target */
  async domain(uuid: string): Promise<DomainRef> {
    const found = await this.findDomain(uuid);
    if (found === undefined)
      throw new OrdealError('unknown-target', `There is no domain "${uuid}"`, { where: this.#where });
    return found;
  }

  async findDomain(uuid: string): Promise<DomainRef | undefined> {
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid)) return undefined;
    const what = `domain ${uuid} cannot be looked up`;
    const args = { uuid: uuidBytes(uuid) };
    return (await this.callUnless([ErrorCode.noDomain], procedures.domainLookupByUuid, args, what))?.dom;
  }

  async findByName(name: string): Promise<DomainRef | undefined> {
    const what = `domain "${name}" cannot be looked up`;
    return (await this.callUnless([ErrorCode.noDomain], procedures.domainLookupByName, { name }, what))?.dom;
  }

  /** As it runs, or as it is defined while it is off; `inactive` as it will start next time. */
  async xml(dom: DomainRef, which: 'current' | 'inactive' = 'current'): Promise<DomainXml> {
    const flags = XML.secure | (which === 'inactive' ? XML.inactive : 0);
    const what = `the XML of "${dom.name}" cannot be read`;
    return new DomainXml((await this.call(procedures.domainGetXmlDesc, { dom, flags }, what)).xml);
  }

  async power(dom: DomainRef): Promise<PowerOfDomain> {
    return this.call(procedures.domainGetState, { dom, flags: 0 }, `the state of "${dom.name}" cannot be read`);
  }

  async isActive(dom: DomainRef): Promise<boolean> {
    const { state } = await this.power(dom);
    return state !== DomainState.shutoff && state !== DomainState.crashed && state !== 0;
  }

  async isPersistent(dom: DomainRef): Promise<boolean> {
    const args = { needResults: 1, flags: LIST_PERSISTENT };
    const { domains } = await this.call(procedures.connectListAllDomains, args, 'the domains cannot be listed');
    return domains.some((d) => d.uuid.equals(dom.uuid));
  }

  async define(xml: DomainXml): Promise<DomainRef> {
    const args = { xml: xml.toString(), flags: 0 };
    return (await this.call(procedures.domainDefineXml, args, `domain "${xml.name}" cannot be defined`)).dom;
  }

  async marks(dom: DomainRef): Promise<Marks> {
    return readMarks(await this.xml(dom));
  }

  /** Where it runs and where it is defined, so that they outlive a restart of the domain. */
  async setMarks(dom: DomainRef, marks: Marks): Promise<void> {
    const live = (await this.isActive(dom)) ? Affect.live : 0;
    const config = (await this.isPersistent(dom)) ? Affect.config : 0;
    const metadata = writeMarks(marks) ?? null;
    await this.callUnless(
      [ErrorCode.noDomainMetadata],
      procedures.domainSetMetadata,
      { dom, type: METADATA_ELEMENT, metadata, key: METADATA_KEY, uri: ordealNamespace, flags: live | config },
      `"${dom.name}" cannot be marked`,
    );
  }

  suspend(dom: DomainRef): Promise<unknown> {
    return this.call(procedures.domainSuspend, { dom }, `"${dom.name}" cannot be suspended`);
  }

  resume(dom: DomainRef): Promise<unknown> {
    return this.call(procedures.domainResume, { dom }, `"${dom.name}" cannot be resumed`);
  }

  /**
   * Idempotent. A daemon that has just come back looks after each domain before it lets a call at it, and refuses one that has
   * waited for that for 30 s: asked again, it finds the QEMU gone that the first call ended.
   */
  async destroy(dom: DomainRef): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.client.call(procedures.domainDestroy, { dom, flags: 0 });
        return;
      } catch (e) {
        const code = e instanceof LibvirtError ? e.code : undefined;
        if (code === ErrorCode.operationInvalid || code === ErrorCode.noDomain) return;
        if (code === ErrorCode.operationTimeout && attempt < DESTROY_ATTEMPTS) continue;
        throw fromLibvirt(e, `"${dom.name}" cannot be destroyed`, this.#where);
      }
    }
  }

  async setLinks(dom: DomainRef, macs: readonly string[], state: 'up' | 'down'): Promise<void> {
    const isActive = await this.isActive(dom);
    const xml = await this.xml(dom);
    for (const mac of macs) {
      const args = { dom, xml: xml.interfaceXml(mac, state), flags: isActive ? Affect.live : Affect.config };
      await this.call(procedures.domainUpdateDevice, args, `link ${mac} of "${dom.name}" cannot be set ${state}`);
    }
  }

  /** A QMP command; @returns its `return` @throws OrdealError of kind vim-failed with QEMU's words */
  async qmp(dom: DomainRef, execute: string, args: object = {}): Promise<unknown> {
    const command = JSON.stringify({ execute, arguments: args });
    const what = `QEMU of "${dom.name}" does not take ${execute}`;
    const { result } = await this.call(procedures.qemuMonitorCommand, { dom, command, flags: 0 }, what);
    const answer = JSON.parse(result) as { return?: unknown; error?: { desc?: string } };
    if (answer.error !== undefined) {
      throw new OrdealError('vim-failed', what, { where: this.#where, cause: new Error(answer.error.desc ?? result) });
    }
    return answer.return;
  }

  /** A command of the guest agent. @param timeoutS seconds */
  async agent(dom: DomainRef, execute: string, args: object = {}, timeoutS = 5): Promise<unknown> {
    const command = JSON.stringify({ execute, arguments: args });
    const what = `the guest agent of "${dom.name}" does not take ${execute}`;
    const call = { dom, command, timeout: timeoutS, flags: 0 };
    const { result } = await this.call(procedures.qemuAgentCommand, call, what, timeoutS * 1000 + 5000);
    return result === null ? undefined : (JSON.parse(result) as { return?: unknown }).return;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
  }
}

export const idOf = (dom: DomainRef): string => uuidText(dom.uuid);
export const isRunning = ({ state }: PowerOfDomain): boolean =>
  state === DomainState.running || state === DomainState.blocked;
