import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { parse } from 'yaml';
import { buildScenario } from '../../scenarios/build.js';
import { located } from './gateway-harness.js';

interface Vnfd {
  readonly node_types: Record<string, { properties: { descriptor_id: { default: string } } }>;
  readonly topology_template: {
    node_templates: Record<string, { type: string; requirements?: Record<string, string>[] }>;
  };
}

for (const scenario of ['session-gateway', 'ballast']) {
  test(`${scenario}: every module that the descriptor names is built from its sources`, async () => {
    const { folder, descriptor } = await located(scenario, 'service.yaml');
    const built = (await buildScenario(folder)).map((m) => m.file);
    for (const { deployment } of descriptor.vnfs.flatMap((v) => v.vnfcs)) {
      expect(built).toContain(join(folder, String(deployment.module)));
    }
  });
}

test('session-gateway: each VNFD describes the VNFCs, disks and connection points of its VNF', async () => {
  const { folder, descriptor } = await located('session-gateway', 'service.yaml');
  for (const vnf of descriptor.vnfs) {
    const vnfd = parse(await readFile(join(folder, vnf.vnfd ?? ''), 'utf8')) as Vnfd;
    expect(Object.values(vnfd.node_types).map((t) => t.properties.descriptor_id.default)).toEqual([vnf.vnfdId]);
    const templates = Object.entries(vnfd.topology_template.node_templates);
    const named = (type: string) => templates.filter(([, t]) => t.type === type).map(([name]) => name);
    expect(named('tosca.nodes.nfv.Vdu.Compute').sort()).toEqual(vnf.vnfcs.map((v) => v.id).sort());
    expect(named('tosca.nodes.nfv.Vdu.VirtualBlockStorage').sort()).toEqual(
      vnf.vnfcs.flatMap((v) => v.disks.map((d) => `${v.id}-${d.id}`)).sort(),
    );
    expect(named('tosca.nodes.nfv.VduCp').sort()).toEqual(
      vnf.vnfcs.flatMap((v) => v.connectionPoints.map((c) => `${v.id}-${c.id}`)).sort(),
    );
  }
});

test('session-gateway: its interface names the snapshot hooks of SOL001', async () => {
  const { folder } = await located('session-gateway', 'service.yaml');
  for (const file of ['gateway.yaml', 'session-store.yaml']) {
    const text = await readFile(join(folder, 'vnfd', file), 'utf8');
    for (const hook of ['create_snapshot', 'revert_to_snapshot']) {
      expect(text).toContain(`${hook}_start:`);
      expect(text).toContain(`${hook}_end:`);
    }
  }
});
