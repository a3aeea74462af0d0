import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { GrantRequest } from '../../harness/model/roles.js';
import { OrdealError } from '../../harness/util/errors.js';
import { contentsOf, granting, type Machine, openMachine } from './package-bench.js';

for (const [operation, call] of [
  ['createPackage', (m: Machine, g: object, id: string) => m.packages(g).create({ vnfSnapshotId: id })],
  [
    'extractPackage',
    (m: Machine, g: object, _: string, pkg: string) => m.packages(g).extract({ packageId: pkg, vnfSnapshotId: 'x' }),
  ],
  [
    'exportPackage',
    (m: Machine, g: object, _: string, pkg: string) =>
      m.packages(g).export({ packageId: pkg, to: join(m.folder, 'x.zip') }),
  ],
  ['importPackage', (m: Machine, g: object) => m.packages(g).import({ from: join(m.folder, 'none.zip') })],
  ['queryPackage', (m: Machine, g: object) => m.packages(g).query()],
  ['deletePackage', (m: Machine, g: object, _: string, pkg: string) => m.packages(g).delete(pkg)],
] as const) {
  test(`a refused grant of ${operation} changes nothing`, { tag: ['@Vnfsd.015', '@Nfvo.001'] }, async () => {
    await using machine = await openMachine();
    const snapshot = await machine.snapshot();
    const { id } = await machine.packages().create({ vnfSnapshotId: snapshot.id });
    const before = [await machine.packages().query(), await contentsOf(machine), machine.vim.world()];
    const refusing = {
      grant: {
        request: async (request: GrantRequest) => {
          expect(request.operation).toBe(operation);
          throw new OrdealError('grant-denied', 'The NFVO refuses: maintenance');
        },
      },
    };
    await expect(call(machine, refusing, snapshot.id, id)).rejects.toMatchObject({ kind: 'grant-denied' });
    expect([await machine.packages().query(), await contentsOf(machine), machine.vim.world()]).toEqual(before);
  });
}

test('a required grant that nobody can give is an error, and one that is not required is not asked for', {
  tag: ['@Vnfsd.015'],
}, async () => {
  await using strict = await openMachine({ grants: { createPackage: 'required' } });
  const snapshot = await strict.snapshot();
  await expect(strict.packages().create({ vnfSnapshotId: snapshot.id })).rejects.toMatchObject({
    kind: 'grant-denied',
  });
  await using lax = await openMachine({ grants: { createPackage: 'not-required' } });
  const requests: GrantRequest[] = [];
  await lax.packages(granting(requests)).create({ vnfSnapshotId: (await lax.snapshot()).id });
  expect(requests).toEqual([]);
});
