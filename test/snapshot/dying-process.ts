import { SnapshotEngine } from '../../harness/snapshot/engine.js';
import { openState } from '../../harness/store/state.js';
import { everything, serviceOf } from './bench.js';
import { FakeVim } from './fake-vim.js';

/** Snapshots both VNFs, or reverts, and dies by SIGKILL at the n-th act of the VIM: `dying-process.js folder world what n`. */
const [folder = '', world = '', what = 'create', at = '0'] = process.argv.slice(2);
const state = await openState(folder);
const vim = FakeVim.load(world);
vim.saveTo = world;
let moments = 0;
vim.onAct = () => {
  if (++moments === Number(at)) process.kill(process.pid, 'SIGKILL');
};
const engine = new SnapshotEngine({ service: serviceOf(everything), vims: new Map([['fake', vim]]), state });
const request = { name: 'doomed', purpose: 'manual' } as const;
if (what === 'create') await engine.createTogether(['web', 'db'].map((vnf) => ({ ...request, vnf })));
if (what === 'revert') await engine.revert(engine.list({ vnf: 'web' })[0]?.id ?? '', { detachDisks: true });
if (what === 'delete') await engine.delete(engine.list().map((s) => s.id));
