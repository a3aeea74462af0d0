import { Reader, View, viewOf, Writer } from '../lib/bytes';
import { Call } from '../lib/calls';
import { Kind, Op, Request } from '../lib/messages';

/** A request on its way to whoever can answer it; keeps its own copy of the message that it came in. */
export abstract class Forward extends Call {
  private readonly bytes: ArrayBuffer;
  readonly op: Op;
  /** Who was asked last; -1 while nobody was. */
  asked: i32 = -1;

  constructor(request: Request, timeoutMs: f64, attempts: i32) {
    super(Kind.Request, timeoutMs, attempts);
    this.op = request.op;
    scratch.clear();
    request.write(scratch);
    this.bytes = scratch.copy();
  }

  write(payload: Writer): void {
    payload.view(viewOf(this.bytes));
  }

  onAnswer(answer: Reader): bool {
    const status = <i32>answer.u16();
    const refused = status == 503 || status == 504;
    if (refused && this.attempt + 1 < this.attempts) return false;
    this.finish(status, answer.rest());
    return true;
  }

  onFailure(): void {
    // Asked, and not answered: unlike a refusal, this may have been carried out.
    this.finish(this.asked < 0 ? 503 : 504, nothing);
  }

  abstract finish(status: i32, body: View): void;
}

const scratch = new Writer(1024);
const nothing = new View(0, 0);
