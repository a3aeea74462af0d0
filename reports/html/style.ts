import { Markup } from '../markup.js';
import { colourVariables } from '../plots/theme.js';

/** One style for the page of a run, of several runs and of the conformance matrix; readable on a phone and on paper. */
export const pageStyle = new Markup(`${colourVariables(':root')}
*{box-sizing:border-box}
html{background:var(--surface);color:var(--ink);font:15px/1.5 ui-sans-serif,system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,"DejaVu Sans",sans-serif;-webkit-text-size-adjust:100%}
body{max-width:1180px;margin:0 auto;padding:28px 24px 64px}
h1{font-size:24px;line-height:1.3;margin:10px 0 6px;overflow-wrap:anywhere}
h2{font-size:17px;margin:40px 0 12px;padding-top:14px;border-top:1px solid var(--grid)}
p{margin:6px 0;max-width:82ch}
a{color:var(--ok)}
.lead{font-size:18px}
.now{font-size:18px;font-weight:600}
.muted,.by{color:var(--muted)}
.by{font-size:13px;max-width:none;overflow-wrap:anywhere}
.badge{display:inline-block;padding:3px 11px;border-radius:6px;font-size:13px;font-weight:700;letter-spacing:.04em;color:var(--surface);background:var(--tone)}
.good{--tone:var(--restoration)}.warn{--tone:var(--reaction)}.bad{--tone:var(--fail)}.neutral{--tone:var(--muted)}
.todo{border-left:4px solid var(--fail);padding:8px 14px;margin:14px 0;background:color-mix(in srgb,var(--fail) 8%,transparent);border-radius:0 6px 6px 0}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(230px,1fr));gap:12px;margin:20px 0 0}
.card{border:1px solid var(--grid);border-top:4px solid var(--tone);border-radius:8px;padding:10px 14px 12px}
.card h3{margin:0;font-size:12px;font-weight:600;color:var(--muted);text-transform:uppercase;letter-spacing:.06em}
.card .verdict{font-size:19px;font-weight:650;color:var(--tone)}
.card p{margin:2px 0 0;font-size:13.5px;overflow-wrap:anywhere}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
th{text-align:left;font-weight:600;color:var(--muted);border-bottom:1px solid var(--line);padding:6px 12px 6px 0;vertical-align:bottom}
td{border-bottom:1px solid var(--grid);padding:6px 12px 6px 0;vertical-align:top;overflow-wrap:anywhere}
td.n,th.n{text-align:right;white-space:nowrap}
td.k{white-space:nowrap}
tr.group td{font-weight:600;padding-top:14px}
.tone{color:var(--tone);font-weight:600;white-space:nowrap}
code,pre{font:12.5px/1.5 ui-monospace,"SF Mono",Consolas,"DejaVu Sans Mono",monospace}
pre{margin:8px 0;padding:10px 14px;border:1px solid var(--grid);border-radius:8px;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere}
.scroll>svg.plot{display:block;min-width:860px;width:100%;height:auto}
details summary{cursor:pointer;color:var(--ok);margin:6px 0}
footer{margin-top:48px;font-size:12.5px;color:var(--muted)}
@media print{body{max-width:none;padding:0}h2{break-after:avoid}.card,tr{break-inside:avoid}}`);
