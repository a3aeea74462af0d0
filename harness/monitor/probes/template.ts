export type Fill = (key: string) => string;

/** {key} and {base} filled in; cut once, as it is done for every request. */
export function template(text: string, base: string | undefined, encode: Fill = (key) => key): Fill {
  const filled = text.replaceAll('{base}', base ?? '');
  const parts = filled.split('{key}');
  return (key) => (parts.length === 1 ? filled : parts.join(encode(key)));
}

/** Whether an answer is the expected one: it contains the text, or is it, when that is asked for. */
export const isExpected = (answer: string, wanted: string | undefined, exact = false): boolean =>
  wanted === undefined || (exact ? answer === wanted : answer.includes(wanted));
