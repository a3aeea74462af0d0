/**
 * The flows of figures 6.4.1-1 to 6.7.6-1, message by message, after the numbered steps of their clauses: a number is of
 * one message, and where the text gives one number to a request and its answers (`5)` to `9)`), the figure counts on.
 */
export interface Message {
  readonly step: number;
  readonly from: string;
  readonly to: string;
}

const [nfvo, vnf, vnfm, vim, nfvi] = ['NFVO', 'VNF', 'VNFM', 'VIM', 'NFVI'] as const;
const repository = 'VNF Snapshot Package repository';
const outside = 'external location';
type Hop = readonly [from: string, to: string];

const grant: readonly Hop[] = [
  [vnfm, nfvo],
  [nfvo, vnfm],
];
const inVnfm: readonly Hop[] = [[vnfm, vnfm]];
const direct: readonly Hop[] = [
  [vnfm, vim],
  [vim, nfvi],
  [nfvi, vim],
  [vim, vnfm],
];
const indirect: readonly Hop[] = [
  [vnfm, nfvo],
  [nfvo, vim],
  [vim, nfvi],
  [nfvi, vim],
  [vim, nfvo],
  [nfvo, vnfm],
];
const notify: readonly Hop[] = [
  [vnfm, vnf],
  [vnf, vnf],
  [vnf, vnfm],
];

/** Numbers the hops one after the other. */
const flow = (...parts: readonly (readonly Hop[])[]): Message[] =>
  parts.flat().map(([from, to], i) => ({ step: i + 1, from, to }));

const request = (sender: string): readonly Hop[] => [[sender, vnfm]];
const response = (sender: string): readonly Hop[] => [[vnfm, sender]];
const createVnfc = (x: readonly Hop[]) => flow(inVnfm, inVnfm, grant, x, x, x, x, x, inVnfm, x, x, x, inVnfm);
const revertVnfc = (x: readonly Hop[]) => flow(inVnfm, inVnfm, grant, x, x, x, x, x, x, inVnfm);
const packVnfc = {
  direct: flow(inVnfm, grant, [
    [vnfm, vim],
    [vim, vnfm],
  ]),
  indirect: flow(inVnfm, grant, [
    [vnfm, nfvo],
    [nfvo, vim],
    [vim, nfvo],
    [nfvo, vnfm],
  ]),
};

/** By clause. Within a VNF procedure, a VNFC procedure is requested by the VNFM itself. @param sender who asked */
export const figuresFor = (sender: string): Readonly<Record<string, readonly Message[]>> => ({
  '6.4.1': createVnfc(direct),
  '6.4.2': createVnfc(indirect),
  '6.4.3': revertVnfc(direct),
  '6.4.4': revertVnfc(indirect),
  '6.5.1': flow(request(sender), inVnfm, grant, notify, inVnfm, inVnfm, notify, inVnfm, response(sender)),
  '6.5.2': flow(request(sender), inVnfm, grant, notify, inVnfm, notify, inVnfm, response(sender)),
  '6.6.1': packVnfc.direct,
  '6.6.2': packVnfc.indirect,
  '6.6.3': packVnfc.direct,
  '6.6.4': packVnfc.indirect,
  '6.7.1': flow(request(sender), inVnfm, grant, inVnfm, inVnfm, [[vnfm, repository]], response(sender)),
  '6.7.2': flow(request(sender), grant, [[repository, vnfm]], inVnfm, inVnfm, response(sender)),
  '6.7.3': flow(request(sender), grant, [[vnfm, outside]], response(sender)),
  '6.7.4': flow(request(sender), grant, [[outside, vnfm]], response(sender)),
  '6.7.5': flow(request(sender), grant, [[vnfm, repository]], response(sender)),
  '6.7.6': flow(request(sender), grant, [[vnfm, repository]], response(sender)),
});

/** The numbers that the text itself gives, as a check on the above. */
export const numbersInTheText: Readonly<Record<string, readonly number[]>> = {
  '6.4.1': [1, 2, 3, 4, 5, 9, 13, 17, 21, 25, 26, 30, 34, 38],
  '6.4.2': [1, 2, 3, 4, 5, 11, 17, 23, 29, 35, 36, 42, 48, 54],
  '6.4.3': [1, 2, 3, 4, 5, 9, 13, 17, 21, 25, 29],
  '6.4.4': [1, 2, 3, 4, 5, 11, 17, 23, 29, 35, 41],
  '6.5.1': [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14],
  '6.5.2': [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
  '6.6.1': [1, 2, 3, 4, 5],
  '6.6.2': [1, 2, 3, 4, 5, 6, 7],
  '6.6.3': [1, 2, 3, 4, 5],
  '6.6.4': [1, 2, 3, 4, 5, 6, 7],
  '6.7.1': [1, 2, 3, 4, 5, 6, 7, 8],
  '6.7.2': [1, 2, 3, 4, 5, 6, 7],
  '6.7.3': [1, 2, 3, 4, 5],
  '6.7.4': [1, 2, 3, 4, 5],
  '6.7.5': [1, 2, 3, 4, 5],
  '6.7.6': [1, 2, 3, 4, 5],
};
