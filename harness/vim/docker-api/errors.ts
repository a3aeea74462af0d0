import { errnoOf, OrdealError } from '../../util/errors.js';

/** Of the socket, of the way there, and of TLS. Source: errno(3); Node.js, "TLS/SSL errors". */
const NOT_REACHED =
  /^(ENOENT|ECONN\w+|EPIPE|EACCES|EPROTO|E\w+UNREACH|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|ERR_(TLS|SSL)_\w+|\w*(CERT|SIGNATURE)\w*)$/;

/** The daemon's own words, and what they mean to Ordeal. @param what subject and event @param daemon as users call it */
export function fromDocker(e: unknown, what: string, where: string, daemon: string): OrdealError {
  if (e instanceof OrdealError) return e;
  if (NOT_REACHED.test(errnoOf(e) ?? '')) {
    return new OrdealError('vim-unreachable', what, {
      where,
      cause: e,
      remedy: `Start ${daemon} there, check host (and certificates) in the descriptor and that you may open its socket.`,
    });
  }
  const status = statusOf(e);
  const said = e instanceof Error && 'json' in e && isMessage(e.json) ? new Error(e.json.message, { cause: e }) : e;
  if (status === 404) return new OrdealError('unknown-target', what, { where, cause: said });
  if (status === 409) return new OrdealError('busy', what, { where, cause: said });
  if (status === 507 || (e instanceof Error && e.message.includes('no space left'))) {
    return new OrdealError('no-space', what, { where, cause: said });
  }
  return new OrdealError('vim-failed', what, { where, cause: said });
}

/** Of an answer of the daemon; undefined for every other failure. */
export const statusOf = (e: unknown): number | undefined =>
  e instanceof Error && 'statusCode' in e && typeof e.statusCode === 'number' ? e.statusCode : undefined;

const isMessage = (json: unknown): json is { message: string } =>
  typeof json === 'object' && json !== null && 'message' in json && typeof json.message === 'string';
