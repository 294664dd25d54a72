/**
 * Every epoch from the genesis on has exactly one document: the same bytes at all authorities and at every node that
 * holds one, signed by all of them, and there when its epoch begins.
 *
 * @module
 */
import { equal, toHex } from "../../../core/bytes.ts";
import { E } from "../../../core/fp.ts";
import type { NodeState } from "../../../core/mix/state.ts";
import { nodeAddress } from "../../../core/mix/system.ts";
import type { AuthorityState } from "../../../core/pki/authority_state.ts";
import { authorityAddress } from "../../../core/pki/authority_system.ts";
import { decodeCertificate } from "../../../core/pki/cert.ts";
import type { Document } from "../../../core/pki/document.ts";
import { epochAt } from "../../../core/pki/epoch.ts";
import { wall } from "../../../core/machine.ts";
import type { CreateOracle, View } from "./oracle.ts";

interface Seen {
  readonly document: Document;
  readonly raw: Uint8Array;
}

/** The documents that the authorities hold now, by host and epoch. */
export const documentsOf = (
  { network, machine }: View,
): Array<Seen & { readonly host: string; readonly epoch: number }> =>
  network.authorities.flatMap((host) =>
    [...(machine(host, authorityAddress) as AuthorityState).documents].map(([epoch, { document, raw }]) => ({
      host,
      epoch,
      document,
      raw,
    }))
  );

export const consensus: CreateOracle = (view, report) => {
  const { network, clock, machine } = view;
  const seen = new Map<number, Seen>();
  const genesis = epochAt(clock, wall(view.wall())).epoch + 1;
  const missed = new Set<string>();

  const same = (host: string, epoch: number, raw: Uint8Array): void => {
    const first = seen.get(epoch);
    if (first !== undefined && !equal(first.raw, raw)) {
      report("safety", `${host} has another document for epoch ${epoch}`);
    }
  };

  const admit = (host: string, epoch: number, { document, raw }: Seen): void => {
    same(host, epoch, raw);
    if (seen.has(epoch)) return;
    seen.set(epoch, { document, raw });
    if (document.epoch !== epoch) {
      report("safety", `${host} keeps the document of epoch ${document.epoch} under ${epoch}`);
    }
    const certificate = decodeCertificate(raw);
    const signers = E.isLeft(certificate) ? [] : certificate.right.signatures.map(({ identity }) => toHex(identity));
    const [count, all] = [new Set(signers).size, network.authorities.length];
    if (count !== all) report("liveness", `the document of epoch ${epoch} has ${count} of ${all} signatures`);
  };

  const expect = (epoch: number): void => {
    if (epoch < genesis) return;
    for (const host of network.authorities) {
      if (missed.has(`${host} ${epoch}`) || (machine(host, authorityAddress) as AuthorityState).documents.has(epoch)) {
        continue;
      }
      missed.add(`${host} ${epoch}`);
      report("liveness", `${host} has no document for epoch ${epoch}, which has begun`);
    }
  };

  return {
    name: "consensus",
    sample: () => {
      for (const { host, epoch, document, raw } of documentsOf(view)) admit(host, epoch, { document, raw });
      for (const host of network.nodes) {
        const { known } = (machine(host, nodeAddress) as NodeState).documents;
        for (const [epoch, { raw }] of known) same(host, epoch, raw);
      }
      expect(epochAt(clock, wall(view.wall())).epoch);
    },
    summary: () => `${seen.size} documents, epochs ${genesis} to ${Math.max(genesis, ...seen.keys())}`,
  };
};
