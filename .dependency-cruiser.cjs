// The house has one direction: a folder imports only what stands below it, type-only imports included.
// The order is the one drawn in CONTRIBUTING.md.
const house = [
  'features',
  'steps',
  'scenarios',
  'reports',
  'harness/cli',
  'harness/online-test',
  'harness/schedule',
  'harness/monitor',
  'harness/judge',
  'harness/fault',
  'harness/package',
  'harness/snapshot',
  'harness/vim',
  'harness/store',
  'harness/model',
  'harness/util',
];
const up = house.slice(1).map((folder, i) => ({
  name: `${folder.replace('harness/', '')}-imports-down`,
  comment: `${folder} may import only the folders below it.`,
  severity: 'error',
  from: { path: `^${folder}/` },
  to: { path: `^(${house.slice(0, i + 1).join('|')})/` },
}));
const vims = ['embedded', 'libvirt', 'docker', 'podman', 'runc', 'kubernetes'];
module.exports = {
  forbidden: [
    ...up,
    {
      name: 'drivers-are-strangers',
      comment: 'A VIM driver knows no other driver; what two of them share has a folder of its own in harness/vim.',
      severity: 'error',
      from: { path: `^harness/vim/(${vims.join('|')})/` },
      to: { path: `^harness/vim/(${vims.join('|')})/`, pathNot: '^harness/vim/$1/' },
    },
    {
      name: 'drivers-through-the-registry',
      comment: 'Only the registry names the drivers: vendor types do not leave a driver’s folder.',
      severity: 'error',
      from: {
        path: '^(harness|steps|scenarios|reports)/',
        pathNot: `^harness/vim/(registry\\.ts|(${vims.join('|')})/)`,
      },
      to: { path: `^harness/vim/(${vims.join('|')})/` },
    },
    {
      name: 'not-to-test',
      severity: 'error',
      from: { path: '^(harness|steps|scenarios|reports)/' },
      to: { path: '^test/' },
    },
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'declared',
      comment: 'What is imported is in package.json.',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|reports/out)|/assembly/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};
