/** What is asked of a spool service twice is done once, in both versions, whatever was asked before. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toHex, utf8 } from "../../../core/bytes.ts";
import { nativeSuite as suite } from "../../../adapters/crypto_native.ts";
import {
  decodeMemspoolResponse,
  encodeMemspoolRequest,
  type MemspoolRequest,
  noSpool,
  signMemspool,
} from "../../../core/spool/memspool.ts";
import { decodeResponse2, encodeRequest2, signRequest2 } from "../../../core/spool/service_wire.ts";
import { privateKey, publicOf } from "./keys.ts";
import { createServiceWorld, geometry, type ServiceWorld } from "./service_world.ts";

const owners = ["one", "two"].map((name) => privateKey(suite, name));
const writer = privateKey(suite, "writer");
const nothing = new Uint8Array(0);

const operations = fc.array(
  fc.record({
    version: fc.constantFrom(1, 2),
    command: fc.constantFrom("create", "append", "append", "retrieve", "purge"),
    owner: fc.nat(1),
    text: fc.constantFrom("a", "b", "c"),
    messageId: fc.integer({ min: 1, max: 4 }),
  }),
  { minLength: 1, maxLength: 16 },
);
type Operation = typeof operations extends fc.Arbitrary<ReadonlyArray<infer A>> ? A : never;

/** A user of one service, who remembers which spools were made. */
const createUser = (world: ServiceWorld) => {
  const spools = new Map<string, Uint8Array>();
  const answers: string[] = [];

  const request1 = (spool: Uint8Array, { command, owner, text, messageId }: Operation): Uint8Array => {
    const key = owners[owner]!;
    const isSigned = command !== "append";
    return encodeMemspoolRequest({
      command: command as MemspoolRequest["command"],
      spool,
      messageId: command === "retrieve" ? messageId : 0,
      publicKey: isSigned ? publicOf(key) : nothing,
      signature: isSigned ? signMemspool(suite, key) : nothing,
      message: command === "append" ? utf8(text) : nothing,
    });
  };

  const request2 = (spool: Uint8Array, { command, owner, text, messageId }: Operation): Uint8Array =>
    encodeRequest2(
      geometry,
      signRequest2(suite, command === "append" ? writer : owners[owner]!, {
        command: command as MemspoolRequest["command"],
        spool: command === "create" ? noSpool() : spool,
        messageId: command === "retrieve" ? messageId : 0,
        epoch: world.epoch(),
        message: command === "append" ? utf8(text) : command === "create" ? publicOf(writer) : nothing,
      }),
    );

  const read = ({ version }: Operation, payload: Uint8Array) =>
    version === 1 ? decodeMemspoolResponse(payload)! : decodeResponse2(geometry, payload)!;

  return {
    /** All but the ids of spools, which are random. */
    answers,
    perform: (operation: Operation, times: number): void => {
      const name = `${operation.version}/${operation.owner}`;
      const spool = operation.command === "create" ? noSpool() : spools.get(name) ?? noSpool();
      const request = (operation.version === 1 ? request1 : request2)(spool, operation);
      const said = Array.from({ length: times }, () => world.ask(request)!.payload);
      // Of a purge the second one says, as memspool does, that there is no such spool.
      if (operation.command !== "purge") assert.equal(new Set(said.map(toHex)).size, 1, "the answer is the same");
      const answer = read(operation, said[0]!);
      answers.push(`${answer.status} ${answer.messageId} ${toHex(answer.message ?? nothing)}`);
      if (operation.command === "create") spools.set(name, answer.spool);
    },
  };
};

test("[KAETZ-3-01] a spool service that is asked everything twice answers as one that is asked once, and keeps the same", () => {
  fc.assert(
    fc.property(operations, (list) => {
      const [once, twice] = [1, 2].map((times) => {
        const world = createServiceWorld(suite);
        const user = createUser(world);
        for (const operation of list) user.perform(operation, times);
        return { answers: user.answers, stored: world.store.sizes() };
      });
      assert.deepEqual(once, twice);
    }),
    { numRuns: 40 },
  );
});
