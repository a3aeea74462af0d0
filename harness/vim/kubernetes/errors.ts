import { type ErrorKind, errnoOf, OrdealError } from '../../util/errors.js';

/** What the API server says when it does not do what it was asked to (meta/v1 Status). */
export interface ApiStatus {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly causes: readonly { readonly field: string; readonly message: string }[];
}

export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(readonly status: ApiStatus) {
    super(status.message);
  }
}

/** @param body as it came; proxies in between answer with text of their own */
export function readStatus(code: number, body: string): ApiStatus {
  try {
    const { reason, message, details } = JSON.parse(body) as {
      reason?: string;
      message?: string;
      details?: { causes?: { field?: string; message?: string }[] };
    };
    if (message !== undefined) {
      const causes = (details?.causes ?? []).map((c) => ({ field: c.field ?? '', message: c.message ?? '' }));
      return { code, reason: reason ?? '', message, causes };
    }
  } catch (e) {
    if (!(e instanceof SyntaxError)) throw e;
  }
  return { code, reason: '', message: body.trim().slice(0, 300) || `HTTP status ${code}`, causes: [] };
}

const kinds: Readonly<Record<number, ErrorKind>> = {
  400: 'scenario-invalid',
  401: 'vim-unreachable',
  403: 'capability-missing',
  404: 'unknown-target',
  409: 'busy',
  422: 'scenario-invalid',
  429: 'busy',
  504: 'timeout',
};
const remedies: Partial<Record<number, string>> = {
  401: 'Log in to the cluster again, or check vims.kubernetes.kubeconfig and its context.',
  403: 'Bind the roles of harness/vim/kubernetes/deploy to whom Ordeal acts as.',
  409: 'Somebody else changed it at the same time; look at it, then run again.',
  429: 'A PodDisruptionBudget or the API server itself says not now; wait, then run again.',
};

/** Errors of the way there, not of the server: worth a new attempt. */
export const isTransient = (e: unknown): boolean =>
  e instanceof ApiError ? [429, 500, 502, 503, 504].includes(e.status.code) : errnoOf(e) !== undefined;

/** @param what subject and event, without a full stop. @param where the server */
export function fromKubernetes(e: unknown, what: string, where: string): unknown {
  if (e instanceof OrdealError) return e;
  if (e instanceof ApiError) {
    // What an admission webhook has against an object comes with the same code as a missing right.
    const code = isRefusedContent(e.status) ? 422 : e.status.code;
    const kind = kinds[code] ?? 'vim-failed';
    const remedy = remedies[code];
    const got = said(e.status);
    return new OrdealError(kind, what, { where, got, cause: e, ...(remedy === undefined ? {} : { remedy }) });
  }
  if (errnoOf(e) !== undefined) {
    return new OrdealError('vim-unreachable', what, {
      where,
      cause: e,
      remedy: 'Check that the API server runs and that vims.kubernetes names it.',
    });
  }
  return e;
}

/** By the API server itself, which has not done any of it then. */
export const isForbidden = ({ code, message }: ApiStatus): boolean =>
  code === 403 && / is forbidden: User "[^"]*" cannot /.test(message);

/** Chaos Mesh's own webhook for rights says "<user> is forbidden on namespace <name>" or "… on cluster". */
const isRefusedContent = ({ code, message }: ApiStatus): boolean =>
  code === 403 &&
  /^admission webhook "[^"]*" denied the request/.test(message) &&
  !/ is forbidden on (cluster|namespace)\b/.test(message);

/** All causes in one line: `spec.mode: Unsupported value: "few"; spec.delay.latency: Required value`. */
function said({ message, causes }: ApiStatus): string {
  const strict = /strict decoding error: (.*)$/s.exec(message)?.[1];
  if (strict !== undefined) return strict;
  const told = causes.filter((c) => c.field !== '').map((c) => `${c.field}: ${c.message}`);
  return told.length === 0 ? message : [...new Set(told)].join('; ');
}
