/**
 * Who may connect to this node (wire-facts §2.7): at a Provider a user with the link key of the account, else a node of
 * the layer before, by its documents.
 *
 * @module
 */
import { toHex } from "../bytes.ts";
import { fullBucket } from "../token_bucket.ts";
import { newRetrieval } from "../provider/retrieval.ts";
import { userName } from "../provider/user_name.ts";
import { isLogin } from "../provider/users.ts";
import { nodeIdLength } from "../sphinx/geometry.ts";
import type { Credentials, Peer } from "./connection_table.ts";
import { standingOf } from "./documents.ts";
import type { Turn } from "./turn.ts";

/** The peer of these credentials that comes from the address, or null. */
export const authenticate = (turn: Turn, credentials: Credentials, from: string): Peer | null =>
  authenticateClient(turn, credentials, from) ?? authenticateNode(turn, credentials);

const authenticateClient = ({ state, context }: Turn, credentials: Credentials, from: string): Peer | null => {
  const { provider, config } = state;
  if (provider === null) return null;
  const name = userName(provider.config, credentials.additionalData);
  if (name === null || !isLogin(provider.users, name, credentials.linkKey)) return null;
  return {
    type: "client",
    credentials,
    name,
    bucket: fullBucket(context.now, config.limits.sendBurst),
    retrieval: newRetrieval,
    from,
  };
};

const authenticateNode = ({ state, time }: Turn, credentials: Credentials): Peer | null => {
  if (credentials.additionalData.length !== nodeIdLength) return null;
  const id = toHex(credentials.additionalData);
  if (standingOf(state.documents, time, state.schedule, id, credentials.linkKey) === "unknown") return null;
  return { type: "node", credentials, id };
};

/** Whether a peer would still be let in as what it is. Nodes stay while the document of the epoch is missing. */
export const isStillWelcome = (turn: Turn, peer: Peer): boolean =>
  peer.type === "client"
    ? authenticateClient(turn, peer.credentials, peer.from) !== null
    : authenticateNode(turn, peer.credentials) !== null || !turn.state.documents.known.has(turn.time.epoch);
