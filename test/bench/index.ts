import { bench as containers } from './containers.js';
import { bench as embedded } from './embedded.js';
import { bench as libvirt } from './libvirt.js';
import { bench as monitor } from './monitor.js';
import { bench as stop } from './stop.js';
import { bench as store } from './store.js';

/** `npm run bench [name …]`: each prints its figures as a Markdown table. Not tests: they judge nothing. */
const benches: Readonly<Record<string, (args: readonly string[]) => Promise<string>>> = {
  containers,
  embedded,
  libvirt,
  monitor,
  stop,
  store,
};

const wanted = process.argv.slice(2).filter((a) => !a.startsWith('--'));
/** Such as --seconds=10: for the one bench that is named. */
const options = wanted.length === 1 ? process.argv.slice(2).filter((a) => a.startsWith('--')) : [];
const unknown = wanted.filter((name) => benches[name] === undefined);
if (unknown.length > 0) {
  process.stderr.write(`There is no bench ${unknown.join(', ')}: expected ${Object.keys(benches).join(', ')}.\n`);
  process.exit(2);
}
for (const [name, bench] of Object.entries(benches)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  process.stdout.write(`\n## ${name}\n\n${await bench(options)}\n`);
}
