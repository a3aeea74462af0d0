import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { LocatedService } from '../../model/network-service.js';
import type { Instantiation } from '../../model/vim.js';
import { until } from '../../util/deadline.js';
import { classifyIo, OrdealError } from '../../util/errors.js';
import { DomainXml } from './domain-xml.js';
import { type Domains, powerStateOf } from './domains.js';
import { idOf } from './hypervisor.js';
import { noMarks, writeMarks } from './marks.js';
import type { Overlays } from './overlays.js';
import { procedures } from './rpc/index.js';

const UNDEFINE_ALL = 1 | 2 | 4 | 16;
const BOOT_MS = 180_000;

/**
 * Starts the domains of a service: those with a `domain` file are defined from it and removed again by terminate; all
 * others must be there, and stay.
 */
export class LibvirtInstantiation implements Instantiation {
  constructor(
    readonly domains: Domains,
    readonly overlays: Overlays,
  ) {}

  async check(service: LocatedService): Promise<void> {
    for (const { resource, deployment } of this.domains.deployed) {
      if (deployment.domain !== undefined) await readDomain(service, deployment.domain, resource);
      else await this.domains.locate(resource);
    }
  }

  async instantiate(service: LocatedService, signal?: AbortSignal): Promise<void> {
    for (const { resource, deployment } of this.domains.deployed) {
      signal?.throwIfAborted();
      if ((await this.domains.findInPlace(resource)) === undefined && deployment.domain !== undefined) {
        const xml = await readDomain(service, deployment.domain, resource);
        xml.setOrdeal(writeMarks({ ...noMarks, service: service.descriptor.id }));
        await this.domains.hypervisor.define(xml);
      }
      await this.domains.start(await this.domains.locate(resource));
    }
    for (const { resource } of this.domains.deployed) await this.#booted(resource, signal);
  }

  /** A guest agent that answers says that the guest is up; without one, that the domain runs is all that is known. */
  async #booted(resource: string, signal?: AbortSignal): Promise<void> {
    const { dom, xml } = await this.domains.see(await this.domains.locate(resource));
    if (!xml.hasAgentChannel) return;
    const ping = () =>
      this.domains.hypervisor.agent(dom, 'guest-ping', {}, 2).then(
        () => true,
        () => false,
      );
    const options = { withinMs: BOOT_MS, everyMs: 500, ...(signal === undefined ? {} : { signal }) };
    await until(`The guest agent of "${resource}" answers`, ping, options);
  }

  async terminate(): Promise<void> {
    const { hypervisor, service } = this.domains;
    const mine = (await this.domains.all()).filter((s) => s.marks.service === service.descriptor.id);
    for (const { dom, xml } of mine) {
      await hypervisor.destroy(dom);
      const what = `"${dom.name}" cannot be removed`;
      if (await hypervisor.findDomain(idOf(dom))) {
        await hypervisor.call(procedures.domainUndefine, { dom, flags: UNDEFINE_ALL }, what);
      }
      await this.overlays.dropUnused(xml.disks.flatMap((d) => d.file ?? []));
    }
  }

  /** A domain that is not ours to remove is never gone: only off. */
  async isGone(): Promise<boolean> {
    for (const { resource } of this.domains.deployed) {
      const seen = await this.domains.findInPlace(resource);
      if (seen !== undefined && powerStateOf(seen) !== 'off') return false;
    }
    return true;
  }
}

async function readDomain(service: LocatedService, file: string, resource: string): Promise<DomainXml> {
  const path = resolve(service.folder, file);
  const text = await readFile(path, 'utf8').catch((e: unknown) => {
    throw classifyIo(e, path);
  });
  const xml = new DomainXml(text);
  if (xml.name !== resource) {
    throw new OrdealError('file-invalid', 'The domain has another name than the resource', {
      where: path,
      expected: resource,
      got: xml.name,
      remedy: 'Name both the same.',
    });
  }
  return xml;
}
