import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { DomainXml } from '../../../harness/vim/libvirt/domain-xml.js';
import { type CaptureKind, freeBytes, obstacles, spaceObstacle } from '../../../harness/vim/libvirt/preflight.js';

const agent = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>";
const qcow2 =
  "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/a.qcow2'/><target dev='vda'/></disk>";
const domain = (devices: string, more = '') =>
  new DomainXml(`<domain type='kvm'><name>store-1</name>${more}<devices>${qcow2}${devices}</devices></domain>`);

const warm: CaptureKind = { warm: true, internal: false };
const cold: CaptureKind = { warm: false, internal: false };
const inside: CaptureKind = { warm: true, internal: true };
const look = (xml: DomainXml, kind: CaptureKind) =>
  obstacles({ xml }, new Set(['vda', 'vdb']), kind).map((o) => ({ ...o, all: `${o.what}; ${o.remedy}` }));

test('an ordinary domain has nothing in its way, however it is captured', () => {
  for (const kind of [warm, cold, inside]) expect(look(domain(agent), kind)).toEqual([]);
});

const vdb = (attributes: string, inner: string) => `<disk ${attributes}>${inner}<target dev='vdb'/></disk>`;
const raw = vdb("type='file' device='disk'", "<driver type='raw'/><source file='/s.raw'/>");
const cases: readonly [what: string, xml: DomainXml, kind: CaptureKind, prevents: boolean, says: RegExp][] = [
  ['a raw disk', domain(agent + raw), warm, false, /vdb is raw; it goes on in a qcow2/],
  ['a raw disk, internally', domain(agent + raw), inside, true, /vdb is raw, not qcow2; ask for external/],
  [
    'a block device',
    domain(agent + vdb("type='block' device='disk'", "<source dev='/dev/sdb'/>")),
    warm,
    true,
    /vdb is no file but block; make it independent/,
  ],
  [
    'a shared disk',
    domain(agent + vdb("type='file' device='disk'", "<driver type='qcow2'/><source file='/s'/><shareable/>")),
    cold,
    true,
    /vdb is shared with other domains/,
  ],
  ['a VFIO device', domain(`${agent}<hostdev mode='subsystem' type='pci'/>`), warm, true, /VFIO.*unplug them first/],
  ['an SR-IOV interface', domain(`${agent}<interface type='hostdev'/>`), warm, true, /SR-IOV interfaces; use virtio/],
  ['a shared folder', domain(`${agent}<filesystem type='mount'/>`), warm, true, /shares a folder with the host/],
  [
    'huge pages',
    domain(agent, '<memoryBacking><hugepages/></memoryBacking>'),
    warm,
    false,
    /huge pages; .* keep them free on the host/,
  ],
  ['a vTPM, internally', domain(`${agent}<tpm model='tpm-crb'/>`), inside, true, /TPM.*ask for external/],
  ['a vTPM, cold', domain(`${agent}<tpm model='tpm-crb'/>`), cold, false, /TPM.*go warm/],
  ['UEFI variables, internally', domain(agent, '<os><nvram>/v.fd</nvram></os>'), inside, true, /pflash.*ask for exter/],
  ['UEFI variables, cold', domain(agent, '<os><nvram>/v.fd</nvram></os>'), cold, false, /UEFI variables.*go warm/],
  ['no guest agent', domain(''), warm, false, /no guest agent: it cannot be quiesced.*org\.qemu\.guest_agent\.0/],
];
for (const [what, xml, kind, prevents, says] of cases) {
  test(`${what} ${prevents ? 'prevents the capture' : 'is told before the capture'}, with what to do`, () => {
    const found = look(xml, kind);
    expect(found).toHaveLength(1);
    expect(found[0]?.prevents).toBe(prevents);
    expect(found[0]?.all).toMatch(says);
  });
}

test('host devices and shared folders are in the way of no cold capture', () => {
  expect(look(domain(`${agent}<hostdev/><filesystem/><interface type='hostdev'/>`), cold)).toEqual([]);
});

test('too little space prevents it, and is measured where the folder will be', async ({}, info) => {
  const free = await freeBytes(join(info.outputPath(), 'not', 'there', 'yet'));
  expect(free).toBeGreaterThan(0n);
  expect(spaceObstacle('/images', 2 ** 20, free)).toEqual([]);
  expect(spaceObstacle('/images', 3 * 2 ** 20, 2n ** 20n)).toEqual([
    {
      what: '/images has 1 MiB free, and up to 3 MiB are needed',
      remedy: 'free space there, or name another folder in vims.libvirt.folder',
      prevents: true,
    },
  ]);
});
