import { expect, test } from '@playwright/test';
import { DomainXml } from '../../../harness/vim/libvirt/domain-xml.js';
import { noMarks, readMarks, writeMarks } from '../../../harness/vim/libvirt/marks.js';

const domain = (devices = ''): DomainXml =>
  new DomainXml(`<domain type='kvm' id='3'><name>store-1</name><uuid>00000000-0000-4000-8000-000000000001</uuid>
  <memory unit='KiB'>131072</memory><vcpu>2</vcpu><os><type>hvm</type></os>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/images/top.qcow2' index='2'/>
      <backingStore type='file' index='1'><format type='qcow2'/><source file='/images/base.qcow2'/><backingStore/></backingStore>
      <target dev='vda' bus='virtio'/></disk>
    <interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/><target dev='vnet7'/></interface>
    <serial type='pty'><source path='/dev/pts/4'/><log file='/log/store-1.log'/></serial>
    <channel type='unix'><source mode='bind' path='/var/lib/libvirt/qemu/channel/target/domain-3-store-1/ga'/><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <x:unknown xmlns:x='urn:vendor'>kept as it is</x:unknown>${devices}
  </devices></domain>`);

test('what a domain has is read from its XML', () => {
  const xml = domain();
  expect(xml).toMatchObject({ name: 'store-1', memoryBytes: 134_217_728, vcpus: 2, hasAgentChannel: true });
  expect(xml.disks).toEqual([
    {
      target: 'vda',
      file: '/images/top.qcow2',
      format: 'qcow2',
      device: 'disk',
      type: 'file',
      isReadOnly: false,
      isShared: false,
    },
  ]);
  expect(xml.chainOf('vda')).toEqual(['/images/top.qcow2', '/images/base.qcow2']);
  expect(xml.interfaces).toEqual([
    { mac: '52:54:00:00:00:01', type: 'bridge', source: 'br0', device: 'vnet7', isUp: true },
  ]);
  expect(xml.logFiles).toEqual(['/log/store-1.log']);
});

test('a disk is pointed at another file, and libvirt finds the chain below it by itself', () => {
  const xml = domain();
  xml.setDiskFile('vda', "/images/it's new.qcow2");
  const again = new DomainXml(xml.toString());
  expect(again.chainOf('vda')).toEqual(["/images/it's new.qcow2"]);
  expect(again.toString()).not.toContain('backingStore');
  expect(again.toString()).toContain('kept as it is');
});

test('a clone shares no socket, no log file and no tap with the domain that it was made from', () => {
  const xml = domain();
  xml.rename('store-1.abcd', '00000000-0000-4000-8000-000000000002');
  xml.separate('store-1.abcd');
  const text = xml.toString();
  expect(text).not.toContain('domain-3-store-1');
  expect(text).not.toContain('vnet7');
  expect(text).not.toContain('/dev/pts/4');
  expect(xml.logFiles).toEqual(['/log/store-1.store-1.abcd.log']);
  expect(xml.interfaces[0]?.mac, 'the network knows it by its MAC').toBe('52:54:00:00:00:01');
});

test('a link is set down without losing anything else of the interface', () => {
  const xml = domain();
  expect(xml.interfaceXml('52:54:00:00:00:01', 'down')).toContain('<link state="down"/>');
  expect(xml.interfaces[0]?.isUp).toBe(false);
});

test('the marks of a domain come back from its XML, whatever the names are', () => {
  const xml = domain();
  expect(readMarks(xml)).toEqual(noMarks);
  const marks = {
    resource: 'a "b" <c> & d',
    runId: 'run-1',
    service: 's',
    quarantined: true,
    inPlace: false,
    wasRunning: true,
    hasMemory: true,
    crashed: false,
  };
  xml.setOrdeal(writeMarks(marks));
  xml.setOrdeal(writeMarks(marks));
  expect(readMarks(new DomainXml(xml.toString()))).toEqual(marks);
  xml.setOrdeal(writeMarks(noMarks));
  expect(readMarks(new DomainXml(xml.toString()))).toEqual(noMarks);
});

test('what is no XML is refused by name', () => {
  expect(() => new DomainXml('<domain><name>x</domain>')).toThrow('cannot be read');
});
