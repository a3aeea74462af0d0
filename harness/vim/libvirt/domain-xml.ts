import { DOMParser, type Document, type Element, XMLSerializer } from '@xmldom/xmldom';
import { OrdealError } from '../../util/errors.js';

export interface DomainDisk {
  /** vda */
  readonly target: string;
  /** Absent for an empty drive, or where it is not a file. */
  readonly file?: string;
  readonly format: string;
  /** disk, cdrom, floppy, lun */
  readonly device: string;
  readonly type: string;
  readonly isReadOnly: boolean;
  readonly isShared: boolean;
}

export interface DomainInterface {
  readonly mac: string;
  readonly type: string;
  /** Bridge or network that it is plugged into. */
  readonly source: string;
  /** vnet0, while it runs. */
  readonly device?: string;
  readonly isUp: boolean;
}

export const ordealNamespace = 'https://etsi-ordeal.dev/libvirt/1';

/** The XML of a domain, read and edited in place: what is not understood here stays as libvirt gave it. */
export class DomainXml {
  readonly #document: Document;

  /** @throws OrdealError of kind vim-failed: libvirt gave what is no XML */
  constructor(text: string) {
    try {
      this.#document = new DOMParser({ onError: (level, message) => refuse(level, message) }).parseFromString(
        text,
        'text/xml',
      );
    } catch (e) {
      throw new OrdealError('vim-failed', 'The XML of a domain cannot be read', { cause: e });
    }
  }

  get root(): Element {
    const root = this.#document.documentElement;
    if (root === null) throw new OrdealError('vim-failed', 'The XML of a domain is empty');
    return root;
  }

  toString(): string {
    return new XMLSerializer().serializeToString(this.#document);
  }

  get name(): string {
    return text(child(this.root, 'name'));
  }

  get uuid(): string {
    return text(child(this.root, 'uuid'));
  }

  /** A clone's identity: the guest itself keeps its own names and addresses. */
  rename(name: string, uuid: string): void {
    setText(child(this.root, 'name'), name);
    setText(child(this.root, 'uuid'), uuid);
  }

  /** Its instructions are translated by QEMU, not executed by the processor. */
  get isEmulated(): boolean {
    return this.root.getAttribute('type') === 'qemu';
  }

  get memoryBytes(): number {
    const memory = child(this.root, 'memory');
    const units: Readonly<Record<string, number>> = { b: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };
    return Number(text(memory)) * (units[memory?.getAttribute('unit') ?? 'KiB'] ?? 2 ** 10);
  }

  get vcpus(): number {
    const vcpu = child(this.root, 'vcpu');
    return Number(vcpu?.getAttribute('current') ?? text(vcpu));
  }

  get #devices(): Element | undefined {
    return child(this.root, 'devices');
  }

  devices(kind: string): Element[] {
    return children(this.#devices, kind);
  }

  get disks(): DomainDisk[] {
    return this.devices('disk').map((disk) => {
      const file = child(disk, 'source')?.getAttribute('file');
      return {
        target: child(disk, 'target')?.getAttribute('dev') ?? '',
        ...(file === null || file === undefined ? {} : { file }),
        format: child(disk, 'driver')?.getAttribute('type') ?? 'raw',
        device: disk.getAttribute('device') ?? 'disk',
        type: disk.getAttribute('type') ?? 'file',
        isReadOnly: child(disk, 'readonly') !== undefined,
        isShared: child(disk, 'shareable') !== undefined,
      };
    });
  }

  /** Points a disk at another qcow2; the chain below it is left to libvirt to find. */
  setDiskFile(target: string, file: string): void {
    const disk = this.#disk(target);
    const source = child(disk, 'source') ?? this.#document.createElement('source');
    if (source.parentNode === null) disk.insertBefore(source, child(disk, 'target') ?? null);
    for (const name of ['index', 'startupPolicy']) source.removeAttribute(name);
    source.setAttribute('file', file);
    for (const inner of children(source)) source.removeChild(inner);
    for (const chain of children(disk, 'backingStore')) disk.removeChild(chain);
    child(disk, 'driver')?.setAttribute('type', 'qcow2');
  }

  removeDisk(target: string): void {
    const disk = this.#disk(target);
    disk.parentNode?.removeChild(disk);
  }

  diskXml(target: string): string {
    return new XMLSerializer().serializeToString(this.#disk(target));
  }

  /** Every file of a disk's chain as libvirt has it, the top first. */
  chainOf(target: string): string[] {
    const files: string[] = [];
    for (let at: Element | undefined = this.#disk(target); at !== undefined; at = child(at, 'backingStore')) {
      const file = child(at, 'source')?.getAttribute('file');
      if (file) files.push(file);
    }
    return files;
  }

  #disk(target: string): Element {
    const disk = this.devices('disk').find((d) => child(d, 'target')?.getAttribute('dev') === target);
    if (disk === undefined) throw new OrdealError('unknown-target', `Domain "${this.name}" has no disk ${target}`);
    return disk;
  }

  get interfaces(): DomainInterface[] {
    return this.devices('interface').map((it) => {
      const source = child(it, 'source');
      const device = child(it, 'target')?.getAttribute('dev');
      return {
        mac: child(it, 'mac')?.getAttribute('address') ?? '',
        type: it.getAttribute('type') ?? '',
        source: source?.getAttribute('bridge') ?? source?.getAttribute('network') ?? source?.getAttribute('dev') ?? '',
        ...(device === null || device === undefined ? {} : { device }),
        isUp: child(it, 'link')?.getAttribute('state') !== 'down',
      };
    });
  }

  /** @returns the XML of the one interface with its link up or down, as domainUpdateDevice takes it */
  interfaceXml(mac: string, state: 'up' | 'down'): string {
    const it = this.#interface(mac);
    let link = child(it, 'link');
    if (link === undefined) {
      link = this.#document.createElement('link');
      it.appendChild(link);
    }
    link.setAttribute('state', state);
    return new XMLSerializer().serializeToString(it);
  }

  /** As domainAttachDevice takes it later: what libvirt made up for this one time is left to it again. */
  pluggableInterfaceXml(mac: string): string {
    const it = this.#interface(mac).cloneNode(true) as Element;
    dropMadeUpTarget(it);
    return new XMLSerializer().serializeToString(it);
  }

  #interface(mac: string): Element {
    const it = this.devices('interface').find((i) => child(i, 'mac')?.getAttribute('address') === mac);
    if (it === undefined) throw new OrdealError('unknown-target', `Domain "${this.name}" has no interface ${mac}`);
    return it;
  }

  get logFiles(): string[] {
    const files = ['serial', 'console'].flatMap((kind) =>
      this.devices(kind).flatMap((it) => child(it, 'log')?.getAttribute('file') ?? []),
    );
    return [...new Set(files)];
  }

  get hasAgentChannel(): boolean {
    return this.devices('channel').some((c) => child(c, 'target')?.getAttribute('name') === 'org.qemu.guest_agent.0');
  }

  /**
   * Cut from every network, with the same devices: each NIC gets a tap that is on no bridge. A tap, as the guest's driver
   * has negotiated with one what other kinds of network do not offer.
   */
  isolate(): void {
    for (const it of this.devices('interface')) {
      for (const name of ['source', 'target', 'virtualport', 'filterref', 'vlan', 'portForward', 'backend', 'port']) {
        for (const inner of children(it, name)) it.removeChild(inner);
      }
      it.setAttribute('type', 'ethernet');
    }
  }

  /** What two domains on one host cannot share: sockets and log files get the new one's name, the rest is made anew. */
  separate(name: string): void {
    for (const kind of ['serial', 'console', 'channel', 'parallel']) {
      for (const device of this.devices(kind)) {
        const source = child(device, 'source');
        const path = source?.getAttribute('path');
        if (source && (source.getAttribute('mode') !== 'bind' || path?.includes('/domain-')))
          device.removeChild(source);
        else if (source && path) source.setAttribute('path', `${path}.${name}`);
        const log = child(device, 'log');
        const file = log?.getAttribute('file');
        if (log && file) log.setAttribute('file', `${file.replace(/\.log$/, '')}.${name}.log`);
      }
    }
    for (const it of this.devices('interface')) dropMadeUpTarget(it);
    for (const label of children(this.root, 'seclabel')) {
      if (label.getAttribute('type') !== 'static') this.root.removeChild(label);
    }
  }

  /** Ordeal's own words about the domain, or undefined. */
  get ordeal(): Element | undefined {
    const metadata = child(this.root, 'metadata');
    return metadata && children(metadata).find((e) => e.namespaceURI === ordealNamespace);
  }

  setOrdeal(xml: string | undefined): void {
    this.ordeal?.parentNode?.removeChild(this.ordeal);
    if (xml === undefined) return;
    let metadata = child(this.root, 'metadata');
    if (metadata === undefined) {
      metadata = this.#document.createElement('metadata');
      this.root.appendChild(metadata);
    }
    const element = new DOMParser().parseFromString(xml, 'text/xml').documentElement;
    if (element !== null) metadata.appendChild(this.#document.importNode(element, true));
  }
}

function dropMadeUpTarget(it: Element): void {
  const target = child(it, 'target');
  if (target !== undefined && /^(vnet|tap)\d+$/.test(target.getAttribute('dev') ?? '')) it.removeChild(target);
}

function refuse(level: string, message: string): void {
  if (level !== 'warning') throw new Error(message);
}

export function children(of: Element | undefined, name?: string): Element[] {
  const found: Element[] = [];
  for (let node = of?.firstChild ?? null; node !== null; node = node.nextSibling) {
    if (node.nodeType === 1 && (name === undefined || node.nodeName === name)) found.push(node as Element);
  }
  return found;
}

export const child = (of: Element | undefined, name: string): Element | undefined => children(of, name)[0];

const text = (element: Element | undefined): string => element?.textContent?.trim() ?? '';

function setText(element: Element | undefined, value: string): void {
  if (element !== undefined) element.textContent = value;
}

/** Text made safe for XML. */
export const escaped = (value: string): string => value.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
