import {
  array,
  double,
  hyper,
  int32,
  opaqueFixed,
  optional,
  string,
  struct,
  uhyper,
  uint32,
  type Xdr,
  XdrError,
} from './xdr.js';

/** The types that the procedures share. Names and limits after libvirt's src/remote/remote_protocol.x. */

export const text = string(4_194_304);
export const optionalText = optional(text);

/** A domain as the wire names it: name, UUID (16 bytes), and its id while it is active, else -1. */
export interface DomainRef {
  readonly name: string;
  readonly uuid: Buffer;
  readonly id: number;
}
export const domainRef: Xdr<DomainRef> = struct<DomainRef>({ name: text, uuid: opaqueFixed(16), id: int32 });

export interface SnapshotRef {
  readonly name: string;
  readonly dom: DomainRef;
}
export const snapshotRef: Xdr<SnapshotRef> = struct<SnapshotRef>({ name: text, dom: domainRef });

export type TypedValue =
  | { readonly type: 'int' | 'uint' | 'double'; readonly value: number }
  | { readonly type: 'llong' | 'ullong'; readonly value: bigint }
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string };
export type TypedParameter = { readonly field: string } & TypedValue;

const tags = ['int', 'uint', 'llong', 'ullong', 'double', 'boolean', 'string'] as const;

/** A union by virTypedParameterType, which counts from 1. */
const typedValue: Xdr<TypedValue> = {
  encode(out, it) {
    uint32.encode(out, tags.indexOf(it.type) + 1);
    switch (it.type) {
      case 'int':
        return int32.encode(out, it.value);
      case 'uint':
        return uint32.encode(out, it.value);
      case 'double':
        return double.encode(out, it.value);
      case 'llong':
        return hyper.encode(out, it.value);
      case 'ullong':
        return uhyper.encode(out, it.value);
      case 'boolean':
        return int32.encode(out, it.value ? 1 : 0);
      case 'string':
        return text.encode(out, it.value);
    }
  },
  decode(input) {
    const tag = uint32.decode(input);
    const type = tags[tag - 1];
    switch (type) {
      case 'int':
        return { type, value: int32.decode(input) };
      case 'uint':
        return { type, value: uint32.decode(input) };
      case 'double':
        return { type, value: double.decode(input) };
      case 'llong':
        return { type, value: hyper.decode(input) };
      case 'ullong':
        return { type, value: uhyper.decode(input) };
      case 'boolean':
        return { type, value: int32.decode(input) !== 0 };
      case 'string':
        return { type, value: text.decode(input) };
      default:
        throw new XdrError(`A typed parameter has the unknown type ${tag}`);
    }
  },
};

const typedParameter: Xdr<TypedParameter> = {
  encode(out, it) {
    text.encode(out, it.field);
    typedValue.encode(out, it);
  },
  decode(input) {
    return { field: text.decode(input), ...typedValue.decode(input) };
  },
};
export const typedParameters = (max: number): Xdr<readonly TypedParameter[]> => array(typedParameter, max);

/** `char model[32]`: XDR gives each char a word of its own. */
export const char32: Xdr<string> = {
  encode(out, value) {
    for (let i = 0; i < 32; i++) int32.encode(out, i < value.length ? value.charCodeAt(i) : 0);
  },
  decode(input) {
    let model = '';
    for (let i = 0; i < 32; i++) {
      const code = int32.decode(input);
      if (code !== 0) model += String.fromCharCode(code);
    }
    return model;
  },
};

export const uuidText = (uuid: Buffer): string =>
  uuid.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
export const uuidBytes = (uuid: string): Buffer => Buffer.from(uuid.replaceAll('-', ''), 'hex');
