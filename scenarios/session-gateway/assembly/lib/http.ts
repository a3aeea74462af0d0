import { View, Writer } from './bytes';
import * as host from './ordeal';

/** A request as it comes from an external connection point: `METHOD SP path LF`, header lines, `LF`, body. */
export class HttpRequest {
  readonly method: View;
  readonly path: View;
  readonly body: View;

  constructor(message: View) {
    const line = message.slice(0, max(0, message.indexOf(10)));
    const space = max(0, line.indexOf(32));
    this.method = line.slice(0, space);
    const path = line.slice(min(space + 1, line.length));
    const query = path.indexOf(63 /* ? */);
    this.path = query < 0 ? path : path.slice(0, query);
    let at = line.length + 1;
    while (at < message.length) {
      const end = message.indexOf(10, at);
      if (end < 0) at = message.length;
      else if (end == at) break;
      else at = end + 1;
    }
    this.body = at + 1 <= message.length ? message.slice(at + 1) : message.slice(message.length);
  }
}

const answer = new Writer(4096);

/** @param request the handle of the request */
export function answerHttp(cp: i32, request: i32, status: i32, type: string, body: View): void {
  answer
    .clear()
    .plain(status.toString() + '\ncontent-type: ' + type + '\n\n')
    .view(body);
  host.send(cp, request, answer.at, answer.length);
}
