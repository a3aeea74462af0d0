/**
 * Takes passwords, tokens and private keys out of text on its way into a package: logs go to vendors. Snapshots hold
 * memory, and memory cannot be redacted: that is what encryption to recipients is for.
 */

export interface RedactionRule {
  readonly name: string;
  /** Global; applied line by line. */
  readonly pattern: RegExp;
  /** As in String.replace; absent: the whole match goes. */
  readonly replacement?: string;
}

const mark = '[redacted]';
/** Words that make a key's value a secret, wherever they stand in the key: db_password, X-Auth-Token, apiKey. */
const words =
  'passw(?:or)?d|passwd|pwd|passphrase|secret|token|credential|api[_-]?key|access[_-]?key|private[_-]?key|authorization|set-cookie|cookie';
const key = `[\\w.-]*(?:${words})[\\w.-]*`;

export const standardRules: readonly RedactionRule[] = [
  {
    name: 'private key in one line',
    pattern: /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?-----END [A-Z0-9 ]*PRIVATE KEY-----/g,
  },
  {
    name: 'value in JSON',
    pattern: new RegExp(`("${key}"\\s*:\\s*)"(?:[^"\\\\]|\\\\.)*"`, 'gi'),
    replacement: `$1"${mark}"`,
  },
  {
    name: 'value in JSON that is no string',
    pattern: new RegExp(`("${key}"\\s*:\\s*)(?![\\s"\\[{]|null\\b|true\\b|false\\b)[^\\s,}\\]]+`, 'gi'),
    replacement: `$1"${mark}"`,
  },
  {
    name: 'value in JSON inside a string',
    pattern: new RegExp(`(\\\\"${key}\\\\"\\s*:\\s*\\\\")(?:(?!\\\\").)*`, 'gi'),
    replacement: `$1${mark}`,
  },
  {
    name: 'authorisation',
    pattern:
      /\b((?:proxy-)?authorization\s*[:=]\s*["']?)(?!\[redacted\])(?:(?:bearer|basic|digest|negotiate)\s+)?[^\s"',;]+/gi,
    replacement: `$1${mark}`,
  },
  { name: 'bearer', pattern: /\b(bearer\s+)[A-Za-z0-9._~+/-]{8,}=*/gi, replacement: `$1${mark}` },
  {
    name: 'cookie',
    pattern: /\b((?:set-)?cookie\s*:\s*)(?!\[redacted\])[^\r\n]+/gi,
    replacement: `$1${mark}`,
  },
  {
    name: 'value in quotes',
    pattern: new RegExp(`(?<!["\\w.-])(${key}\\s*[=:]\\s*)(["'])(?!\\[redacted\\])(?:(?!\\2).)*\\2`, 'gi'),
    replacement: `$1$2${mark}$2`,
  },
  {
    name: 'value',
    pattern: new RegExp(`(?<!["\\w.-])(${key}\\s*[=:]\\s*)(?!["'\\s]|\\[redacted\\])[^\\s,;&"')\\]}]+`, 'gi'),
    replacement: `$1${mark}`,
  },
  {
    name: 'command-line option',
    pattern: new RegExp(`(--${key}\\s+)(?!-)[^\\s"']+`, 'gi'),
    replacement: `$1${mark}`,
  },
  {
    name: 'password in a URL',
    pattern: /\b([a-z][a-z0-9+.-]*:\/\/[^\s/:@"']*:)[^\s/@"']+@/gi,
    replacement: `$1${mark}@`,
  },
  { name: 'JSON web token', pattern: /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g },
  { name: 'cloud access key', pattern: /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g },
  {
    name: 'token of a known maker',
    pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{20,}|glpat-[\w-]{20,}|xox[abprs]-[\w-]{10,})\b/g,
  },
];

export interface Redacted {
  readonly text: AsyncGenerator<Buffer>;
  /** How many were taken out so far. */
  count(): number;
}

const begin = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/;
const end = /-----END [A-Z0-9 ]*PRIVATE KEY-----/;
/** A line without end is cut at a gap once it is this long. */
const longestLine = 1024 * 1024;

/** Streams; every byte that is not part of a secret stays as it is, whatever its encoding. Binary data is left alone. */
export function redacted(source: AsyncIterable<Buffer>, rules: readonly RedactionRule[] = standardRules): Redacted {
  let count = 0;
  let isInKey = false;

  const line = (text: string): string => {
    if (isInKey) {
      const last = end.exec(text);
      if (last === null) return '';
      isInKey = false;
      return line(text.slice(last.index + last[0].length));
    }
    let out = text;
    for (const { pattern, replacement = mark } of rules) {
      out = out.replace(pattern, (...match: unknown[]) => {
        count++;
        return replacement.replace(/\$(\d)/g, (_, n: string) => String(match[Number(n)] ?? ''));
      });
    }
    const first = begin.exec(out);
    if (first === null) return out;
    isInKey = true;
    count++;
    return `${out.slice(0, first.index)}${mark}\n`;
  };

  async function* run(): AsyncGenerator<Buffer> {
    let held = '';
    let isBinary: boolean | undefined;
    for await (const chunk of source) {
      isBinary ??= chunk.subarray(0, 8192).includes(0);
      if (isBinary) {
        yield chunk;
        continue;
      }
      // latin1 keeps every byte, so that a multi-byte character that is cut in two comes out whole.
      held += chunk.toString('latin1');
      const cut = held.lastIndexOf('\n') + 1 || (held.length > longestLine ? lastGap(held) : 0);
      if (cut === 0) continue;
      yield Buffer.from(
        held
          .slice(0, cut)
          .split(/(?<=\n)/)
          .map(line)
          .join(''),
        'latin1',
      );
      held = held.slice(cut);
    }
    if (held !== '') yield Buffer.from(line(held), 'latin1');
  }
  return { text: run(), count: () => count };
}

function lastGap(text: string): number {
  const at = Math.max(text.lastIndexOf(','), text.lastIndexOf(';'), text.lastIndexOf('}'));
  return at < 0 ? text.length : at + 1;
}

/** By its name: what a person could read. */
export const isText = (path: string): boolean =>
  /\.(log|txt|out|err|json|jsonl|ndjson|ya?ml|xml|html?|md|csv|tsv|conf|cfg|ini|env|toml|properties|trace|mmd)(\.\d+)?$/i.test(
    path,
  ) || !/\.[^/]*$/.test(path);
