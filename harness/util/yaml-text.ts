import { LineCounter, parseDocument } from 'yaml';
import { type ErrorKind, ManyErrors } from './errors.js';

export interface YamlText {
  readonly data: unknown;
  /** @returns `:12` for what is in line 12; of what is not there, for what it should be in; empty when nothing of it is there */
  readonly lineOf: (path: readonly PropertyKey[]) => string;
}

/** YAML, and so JSON. @param where the file's name, for the messages. @throws ManyErrors with the line of every fault */
export function parsedYaml(text: string, where: string, kind: ErrorKind): YamlText {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    const errors = document.errors.map((e) => {
      const at = lines.linePos(e.pos[0]);
      return new Error(`${where}:${at.line}:${at.col}: ${e.message.split('\n')[0]}`);
    });
    throw new ManyErrors(kind, `${where} is not well-formed YAML`, errors, 'Correct the file; nothing was started.');
  }
  const lineOf = (path: readonly PropertyKey[]): string => {
    for (let n = path.length; n >= 0; n--) {
      const node = document.getIn(path.slice(0, n), true);
      if (node && typeof node === 'object' && 'range' in node && Array.isArray(node.range)) {
        return `:${lines.linePos(node.range[0]).line}`;
      }
    }
    return '';
  };
  return { data: document.toJS(), lineOf };
}
