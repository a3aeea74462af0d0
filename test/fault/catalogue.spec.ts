import { expect, test } from '@playwright/test';
import { catalogue, checkFault, describeFault } from '../../harness/fault/catalogue.js';
import { faultKinds, machineFaultKinds, platformFaultKinds } from '../../harness/model/fault.js';
import { OrdealError } from '../../harness/util/errors.js';

const reading = (measured: Record<string, number | boolean>, effective = true) => ({
  effective,
  measured,
  how: 'test',
});

test('every fault kind has an entry in the catalogue', () => {
  expect([...catalogue.keys()].sort()).toEqual(
    [...faultKinds, ...platformFaultKinds, ...machineFaultKinds, 'load'].sort(),
  );
});

test('a fault of an unknown kind is refused with the kinds that there are', () => {
  const wrong = () => checkFault({ kind: 'explode', target: { vnfc: 'a' } }, 'scenario "x"');
  expect(wrong).toThrow(OrdealError);
  expect(wrong).toThrow(/scenario "x": There is no fault "explode": expected shutdown, crash, stall/);
});

test('a fault with a wrong dose is refused, and names the parameter', () => {
  expect(() => checkFault({ kind: 'loss', target: { link: 'back' }, params: { ratio: 3 } }, 'scenario "x"')).toThrow(
    /ratio: .*got 3/,
  );
});

test('a fault does not strike what it is not made for', () => {
  expect(() => checkFault({ kind: 'stall', target: { link: 'back' } }, 's')).toThrow(/expected a VNFC/);
  expect(() => checkFault({ kind: 'partition', target: { link: 'back' } }, 's')).toThrow(
    /expected a link with from and to/,
  );
});

test('a delay of the asked size is confirmed, half of it is a wrong dose, none is no effect', () => {
  const { entry, params } = checkFault({ kind: 'delay', target: { link: 'back' }, params: { delayMs: 80 } }, 's');
  expect(entry.judgeDose(params, reading({ delayMs: 83 }))).toBe('confirmed');
  expect(entry.judgeDose(params, reading({ delayMs: 40 }))).toBe('wrong-dose');
  expect(entry.judgeDose(params, reading({ delayMs: 0 }, false))).toBe('no-effect');
});

test('a dose that was not measured is not confirmed', () => {
  const { entry, params } = checkFault({ kind: 'delay', target: { link: 'back' }, params: { delayMs: 80 } }, 's');
  expect(entry.judgeDose(params, reading({}))).toBe('wrong-dose');
  const loss = checkFault({ kind: 'loss', target: { link: 'back' }, params: { ratio: 0.2 } }, 's');
  expect(loss.entry.judgeDose(loss.params, reading({}))).toBe('wrong-dose');
});

test('a loss ratio is judged by the number of trials', () => {
  const { entry, params } = checkFault({ kind: 'loss', target: { link: 'back' }, params: { ratio: 0.2 } }, 's');
  expect(entry.judgeDose(params, reading({ ratio: 0.3, trials: 50 }))).toBe('confirmed');
  expect(entry.judgeDose(params, reading({ ratio: 0.3, trials: 2000 }))).toBe('wrong-dose');
});

test('a fault reads as a sentence', () => {
  expect(describeFault({ kind: 'stall', target: { vnfc: 'store-1' }, durationMs: 2000 })).toBe(
    'store-1 stalls for 2000 ms',
  );
  expect(describeFault({ kind: 'delay', target: { link: 'back' }, params: { delayMs: 80 } })).toBe(
    'link "back" is slow (delayMs 80)',
  );
});
