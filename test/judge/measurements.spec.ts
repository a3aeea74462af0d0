import { expect, test } from '@playwright/test';
import { parseMeasurements } from '../../harness/judge/measurements.js';

const series = (text: string, file = 'a.csv') =>
  Object.fromEntries([...parseMeasurements(text, file).series].map(([name, s]) => [name, [...s.values]]));

test('every column of figures is a series, and the time is none', () => {
  const { series, ignored } = parseMeasurements(
    'time,cpu,host,rps\n2026-11-22T10:00:10Z,0.5,a,100\n2026-11-22T10:00:00Z,0.4,a,90\n2026-11-22T10:00:20Z,,a,NaN\n',
    'a.csv',
  );
  expect(Object.fromEntries(series)).toEqual({
    cpu: { values: [0.4, 0.5], gaps: 1, periodMs: 10_000 },
    rps: { values: [90, 100], gaps: 1, periodMs: 10_000 },
  });
  expect(ignored).toEqual(['host']);
});

test('semicolons, tabs and a byte order mark are read as commas are', () => {
  const expected = { cpu: [1, 2], mem: [3, 4] };
  expect(series('cpu,mem\n1,3\n2,4\n')).toEqual(expected);
  expect(series('\ufeffcpu;mem\r\n1;3\r\n2;4\r\n')).toEqual(expected);
  expect(series('cpu\tmem\n1\t3\n2\t4\n', 'a.tsv')).toEqual(expected);
});

test('rows and columns of JSON are read as CSV is', () => {
  expect(series('[{"cpu":1,"mem":3},{"cpu":2,"mem":4}]', 'a.json')).toEqual({ cpu: [1, 2], mem: [3, 4] });
  expect(series('{"cpu":[1,2],"mem":[3,null,4]}', 'a.json')).toEqual({ cpu: [1, 2], mem: [3, 4] });
  expect(series('{"cpu":1}\n{"cpu":2}\n', 'a.jsonl')).toEqual({ cpu: [1, 2] });
});

test('a name and a value a line are one series for each name', () => {
  const k6 =
    'metric_name,timestamp,metric_value,status\nhttp_req_duration,1795000001,12.5,200\nvus,1795000001,3,\nhttp_req_duration,1795000000,11,200\n';
  expect(series(k6)).toEqual({ http_req_duration: [11, 12.5], vus: [3] });
});

test('a start, a duration and a success are requests, one history for each label', () => {
  const jtl =
    'timeStamp,elapsed,label,responseCode,success\n1000,20,home,200,true\n1500,30,cart,500,false\n2000,25,home,200,true\n';
  const { histories } = parseMeasurements(jtl, 'a.jtl');
  expect(histories.map((h) => [h.probe, h.fromMs, h.toMs, h.rateHz])).toEqual([
    ['home', 1000, 3000, 1],
    ['cart', 1500, 1500.001, 1_000_000],
  ]);
  expect(histories[1]?.samples).toEqual([
    { probe: 'cart', intendedMs: 1500, sentMs: 1500, doneMs: 1530, ok: false, outcome: '500' },
  ]);
});

test('the samples of a run are read', () => {
  const lines = '["p",0,0.1,5,true,"200"]\n["p",100,100.1,104,false,"503"]\n';
  const [history] = parseMeasurements(lines, 'samples.jsonl').histories;
  expect(history).toMatchObject({ probe: 'p', rateHz: 10, fromMs: 0, toMs: 200 });
  expect(history?.samples.map((s) => s.ok)).toEqual([true, false]);
});

const refused: readonly [what: string, text: string, file: string, message: RegExp][] = [
  ['a cell that is no figure', 'cpu\n1\n2\nlots\n', 'a.csv', /a\.csv:4: cpu: expected a figure, got "lots"/],
  [
    'a success that is none',
    'start,elapsed,ok\n0,1,true\n5,1,maybe\n',
    'a.csv',
    /a\.csv:3: ok: expected true or false/,
  ],
  ['an end before its start', 'intendedMs,doneMs,ok\n10,5,true\n', 'a.csv', /a\.csv:2: it ended before it began/],
  ['a missing start', 'start,elapsed,ok\n,1,true\n', 'a.csv', /a\.csv:2: start: expected milliseconds, got ""/],
  ['a short row', 'a,b\n1,2\n3\n', 'a.csv', /not well-formed CSV.*(expect|length|columns)/i],
  ['two columns of one name', 'a,a\n1,2\n', 'a.csv', /two columns are named "a"/],
  ['text alone', 'host\nx\ny\n', 'a.csv', /nothing to judge.*only text in host/],
  ['no rows', 'cpu\n', 'a.csv', /nothing to judge.*no rows/],
  ['an empty file', '', 'a.csv', /nothing to judge/],
  ['times alone', 'time\n1\n2\n', 'a.csv', /times and no figures/],
  ['broken JSON', '{"cpu": [1, 2', 'a.json', /not well-formed JSON/],
  ['JSON without measurements', '{"cpu": "high"}', 'a.json', /holds no measurements.*an object with cpu/],
  ['a broken line', '{"cpu":1}\n{"cpu":\n', 'a.jsonl', /a\.jsonl:2: .*not well-formed JSON/],
  ['a row that is none', '[{"cpu":1},7]', 'a.json', /\[1\]: expected an object/],
  ['an unknown ending', 'cpu\n1\n', 'a.xls', /a\.xls: The format of the file is not known: expected \.csv/],
];
for (const [what, text, file, message] of refused) {
  test(`${what} is refused with its place`, () => {
    expect(() => parseMeasurements(text, file)).toThrow(message);
  });
}

test('of many faults the first five are told, and their number', () => {
  const text = `cpu\n1\n${'x\n'.repeat(12)}`;
  expect(() => parseMeasurements(text, 'a.csv')).toThrow(/12 cells cannot be read; 7 more are like them/);
});
