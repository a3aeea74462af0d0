/**
 * Every error that a user can cause or cure is an OrdealError: one kind, one message that says what, where,
 * expected, got and what to do. The kinds map to exit codes in one table, cli/exit-codes.ts.
 */
export type ErrorKind =
  | 'usage'
  | 'file-missing'
  | 'file-invalid'
  | 'scenario-invalid'
  | 'step-undefined'
  | 'unknown-target'
  | 'module-invalid'
  | 'port-in-use'
  | 'no-space'
  | 'package-tampered'
  | 'package-truncated'
  | 'package-invalid'
  | 'snapshot-missing'
  | 'snapshot-corrupt'
  | 'snapshot-in-use'
  | 'capability-missing'
  | 'vim-unreachable'
  | 'vim-failed'
  | 'grant-denied'
  | 'outside-window'
  | 'snapshot-forbidden'
  | 'blast-radius'
  | 'busy'
  | 'lease-lost'
  | 'timeout'
  /** It was refused as it came too late, and nothing of it was carried out: who still may, asks again. */
  | 'too-late'
  | 'interrupted'
  | 'stopped'
  | 'worse'
  | 'inconclusive'
  | 'internal';

export interface ErrorParts {
  /** Where it is: a file with a path inside it, a flag, a host. */
  readonly where?: string;
  readonly expected?: string;
  readonly got?: string;
  /** What the reader should do now. */
  readonly remedy?: string;
  readonly cause?: unknown;
}

export class OrdealError extends Error {
  override readonly name = 'OrdealError';
  readonly parts: ErrorParts;
  /** @param what subject and event in one sentence without a full stop: `VNFC "store-9" is not in the service` */
  constructor(
    readonly kind: ErrorKind,
    readonly what: string,
    parts: ErrorParts = {},
  ) {
    super(sentence(what, parts), parts.cause === undefined ? undefined : { cause: parts.cause });
    this.parts = parts;
  }

  /** The form that `--json` prints and that crosses a process boundary. */
  toJSON(): SerialisedError {
    const { where, expected, got, remedy } = this.parts;
    return {
      kind: this.kind,
      what: this.what,
      message: this.message,
      ...(where === undefined ? {} : { where }),
      ...(expected === undefined ? {} : { expected }),
      ...(got === undefined ? {} : { got }),
      ...(remedy === undefined ? {} : { remedy }),
    };
  }

  static fromJSON(it: SerialisedError): OrdealError {
    return new OrdealError(it.kind, it.what, it);
  }
}

export interface SerialisedError extends Omit<ErrorParts, 'cause'> {
  readonly kind: ErrorKind;
  readonly what: string;
  readonly message: string;
}

/** Several failures of one clean-up or of one file, each told by itself. */
export class ManyErrors extends OrdealError {
  constructor(
    kind: ErrorKind,
    what: string,
    readonly errors: readonly Error[],
    remedy?: string,
  ) {
    super(kind, `${what}:\n${errors.map((e) => `  ${e.message.replaceAll('\n', '\n  ')}`).join('\n')}`, {
      cause: errors[0],
      ...(remedy === undefined ? {} : { remedy }),
    });
  }
}

/** Message grammar: subject, event, place, expected and got, reason, remedy. */
function sentence(what: string, { where, expected, got, remedy, cause }: ErrorParts): string {
  const place = where === undefined ? '' : `${where}: `;
  const difference = [expected && `expected ${expected}`, got && `got ${got}`].filter(Boolean).join(', ');
  const reason = cause === undefined || difference !== '' || what.includes(':\n') ? '' : reasonOf(cause);
  const detail = difference || reason;
  const head = `${place}${what}${detail ? `: ${detail}` : ''}`;
  // A list of errors ends its own last line.
  const isList = what.includes(':\n');
  if (isList) return remedy === undefined ? head : `${head}\n${remedy}`;
  return `${head}.${remedy ? ` ${remedy}` : ''}`;
}

export const reasonOf = (e: unknown): string => asError(e).message.replace(/\.$/, '');

/** Of a failure whose clean-up failed too: both, of the kind of the first one. */
export function asError(e: unknown): Error {
  if (!(e instanceof Error)) return new Error(String(e));
  if (e.name !== 'SuppressedError' || !('suppressed' in e && 'error' in e)) return e;
  const [root, cleanUp] = [asError(e.suppressed), asError(e.error)];
  const kind = root instanceof OrdealError ? root.kind : 'internal';
  return new ManyErrors(kind, 'A step failed, and not everything could be undone', [root, cleanUp]);
}

/** The errno name of a Node.js system error, such as ENOSPC; undefined for every other value. */
export const errnoOf = (e: unknown): string | undefined =>
  e instanceof Error && 'code' in e && typeof e.code === 'string' ? e.code : undefined;

/** Maps the errno values that have a remedy of their own; everything else is returned unchanged. */
export function classifyIo(e: unknown, where: string): Error {
  switch (errnoOf(e)) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new OrdealError('no-space', `No space is left to write`, {
        where,
        cause: e,
        remedy: 'Free space or choose another folder, then run again; nothing half-written was kept.',
      });
    case 'ENOENT':
      return new OrdealError('file-missing', `No such file`, { where, remedy: 'Check the path.' });
    case 'EACCES':
    case 'EPERM':
      return new OrdealError('file-invalid', `The file may not be accessed`, { where, cause: e });
    default:
      return asError(e);
  }
}
