import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { classifyIo, type ErrorKind, ManyErrors, OrdealError } from './errors.js';

/** Reads a YAML or JSON file and checks it; every fault of the file is reported at once, with its line. */
export async function readValidated<S extends z.ZodType>(
  file: string,
  schema: S,
  kind: ErrorKind = 'file-invalid',
): Promise<z.output<S>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (e) {
    throw classifyIo(e, file);
  }
  return parseValidated(text, file, schema, kind);
}

/** @param where the file's name, for the messages. @throws ManyErrors: each `file:line: path must be …, got …` */
export async function parseValidated<S extends z.ZodType>(
  text: string,
  where: string,
  schema: S,
  kind: ErrorKind = 'file-invalid',
): Promise<z.output<S>> {
  // Loaded by who reads a file: the many processes and threads that only check what they are handed are up sooner.
  const { parsedYaml } = await import('./yaml-text.js');
  const { data, lineOf } = parsedYaml(text, where, kind);
  return validate(data, where, schema, kind, lineOf);
}

export function validate<S extends z.ZodType>(
  data: unknown,
  where: string,
  schema: S,
  kind: ErrorKind = 'file-invalid',
  lineOf: (path: readonly PropertyKey[]) => string = () => '',
): z.output<S> {
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  const errors = result.error.issues.map((issue) => {
    const got = issue.code === 'unrecognized_keys' ? '' : `, got ${shown(at(data, issue.path))}`;
    return new Error(`${where}${lineOf(issue.path)}: ${pathText(issue.path)}: ${issue.message}${got}`);
  });
  if (errors.length === 1) throw new OrdealError(kind, (errors[0] as Error).message, { remedy: 'Correct the file.' });
  throw new ManyErrors(kind, `${where} has ${errors.length} faults`, errors, 'Correct the file; nothing was started.');
}

const at = (data: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((o, key) => (o !== null && typeof o === 'object' ? Reflect.get(o, key) : undefined), data);

const pathText = (path: readonly PropertyKey[]): string =>
  path.length === 0
    ? 'the document'
    : path.map((p, i) => (typeof p === 'number' ? `[${p}]` : `${i === 0 ? '' : '.'}${String(p)}`)).join('');

const shown = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 80));
