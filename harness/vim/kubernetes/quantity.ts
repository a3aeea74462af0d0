import { OrdealError } from '../../util/errors.js';

const factors: Readonly<Record<string, number>> = {
  '': 1,
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/** A quantity of the Kubernetes API (resource.Quantity): `250m`, `64Mi`, `1e3`. */
function magnitude(text: string): number {
  const [, figure = '', suffix = ''] = /^([+-]?[\d.]+(?:[eE][+-]?\d+)?)([A-Za-z]*)$/.exec(text) ?? [];
  const factor = factors[suffix];
  if (figure === '' || factor === undefined) throw new OrdealError('vim-failed', `"${text}" is no quantity`);
  return Number(figure) * factor;
}

export const bytesOf = (text: string): number => Math.round(magnitude(text));
export const cpusOf = magnitude;
