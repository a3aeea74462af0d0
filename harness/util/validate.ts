import { readFile } from 'node:fs/promises';
import { LineCounter, parseDocument } from 'yaml';
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
export function parseValidated<S extends z.ZodType>(
  text: string,
  where: string,
  schema: S,
  kind: ErrorKind = 'file-invalid',
): z.output<S> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    const errors = document.errors.map((e) => {
      const at = lines.linePos(e.pos[0]);
      return new Error(`${where}:${at.line}:${at.col}: ${e.message.split('\n')[0]}`);
    });
    throw new ManyErrors(kind, `${where} is not well-formed YAML`, errors, 'Correct the file; nothing was started.');
  }
  const data: unknown = document.toJS();
  const lineOf = (path: readonly PropertyKey[]): string => {
    for (let n = path.length; n >= 0; n--) {
      const node = document.getIn(path.slice(0, n), true);
      if (node && typeof node === 'object' && 'range' in node && Array.isArray(node.range)) {
        return `:${lines.linePos(node.range[0]).line}`;
      }
    }
    return '';
  };
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
