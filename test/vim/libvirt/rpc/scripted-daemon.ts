import { rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import {
  Deframer,
  frame,
  type Message,
  MessageStatus,
  MessageType,
} from '../../../../harness/vim/libvirt/rpc/framing.js';
import { type Procedure, procedures, REMOTE_PROGRAM } from '../../../../harness/vim/libvirt/rpc/procedures.js';
import { encode } from '../../../../harness/vim/libvirt/rpc/xdr.js';
import { temporaryFolder } from '../../../temporary-folder.js';

export type Answer = (message: Message, socket: Socket) => void;

/** A peer on a real socket that says what the test tells it to; the handshake it knows by itself. */
export class ScriptedDaemon implements AsyncDisposable {
  readonly answers = new Map<number, Answer>();
  readonly received: Message[] = [];
  readonly sockets = new Set<Socket>();
  #server: Server | undefined;

  private constructor(readonly folder: string) {
    this.on(procedures.authList, { types: [0] });
    this.on(procedures.connectOpen, {});
    this.on(procedures.connectSupportsFeature, { supported: 1 });
    this.on(procedures.connectDomainEventRegister, { callbackId: 1 });
    this.on(procedures.connectClose, {});
  }

  static async start(): Promise<ScriptedDaemon> {
    const daemon = new ScriptedDaemon(await temporaryFolder('rpc'));
    await daemon.listen();
    return daemon;
  }

  get uri(): string {
    return `qemu+unix:///system?socket=${this.folder}/sock`;
  }

  async listen(): Promise<void> {
    this.#server = createServer((socket) => this.#serve(socket));
    await new Promise<void>((resolve) => this.#server?.listen(join(this.folder, 'sock'), resolve));
  }

  /** As if the daemon had been killed. */
  async die(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.sockets.clear();
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  on<A, R>(procedure: Procedure<A, R>, result: R): void {
    this.answers.set(procedure.number, (message, socket) =>
      socket.write(reply(message, MessageStatus.ok, encode(procedure.returns, result))),
    );
  }

  answer(number: number, answer: Answer): void {
    this.answers.set(number, answer);
  }

  say(procedure: number, payload: Buffer, program = REMOTE_PROGRAM): void {
    const header = { program, version: 1, procedure, type: MessageType.message, serial: 0, status: MessageStatus.ok };
    for (const socket of this.sockets) socket.write(frame(header, payload));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.die();
    await rm(this.folder, { recursive: true, force: true });
  }

  #serve(socket: Socket): void {
    const deframer = new Deframer();
    this.sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('data', (piece) => {
      for (const message of deframer.push(piece)) {
        this.received.push(message);
        if (message.header.type === MessageType.call) this.answers.get(message.header.procedure)?.(message, socket);
      }
    });
  }
}

export const reply = ({ header }: Message, status: number, payload: Buffer): Buffer =>
  frame({ ...header, type: MessageType.reply, status }, payload);
