/**
 * Changes of accounts: registration, and what the management socket asks for (wire-facts §10). None is answered before
 * it is durable.
 *
 * Changes of one account are taken in order: each builds on what the one before will have made of it. A commit writes
 * the whole account, and the table of users follows the commits that succeeded: so it always is what the store holds.
 *
 * Departure: an account's mailbox goes with it in one commit, and what arrives from then on is refused. In Go the
 * mailbox is removed afterwards, and a crash in between leaves it to whoever takes the name next.
 *
 * @module
 */
import { utf8 } from "../bytes.ts";
import type { Commit, StoreWrite } from "../effects.ts";
import { absurd } from "../machine.ts";
import type { Manage, ManageAnswer, Managed, UserRequest } from "../management/request.ts";
import { entriesOf, entryKey, mailboxTable, withoutMailbox } from "./mailbox.ts";
import type { ProviderOutcome, ProviderState, ProviderStep } from "./provider.ts";
import type { Register, Registered, RegisterOutcome } from "./registration.ts";
import { newUserName, userName } from "./user_name.ts";
import { type Account, encodeAccount, userId, userKeyLength, usersTable } from "./users.ts";

/** Who waits for a change. */
type Asker = { readonly type: "Register" | "Manage"; readonly id: number };

/** A change on its way to the store. */
export interface AccountChange {
  readonly type: "Account";
  readonly asker: Asker;
  readonly user: string;
  /** null: the account ends. */
  readonly account: Account | null;
}

const answered = (state: ProviderState, outcome: ProviderOutcome): ProviderStep => ({
  state,
  effects: [],
  outcomes: [outcome],
});

/* What an account will be */

/** The account as it will be once all that is on its way is durable. */
const upcoming = ({ users, pending }: ProviderState, user: string): Account | null => {
  let last: { readonly id: number; readonly account: Account | null } | null = null;
  for (const [id, of] of pending) {
    if (of.type === "Account" && of.user === user && (last === null || id > last.id)) {
      last = { id, account: of.account };
    }
  }
  return last === null ? users.get(user) ?? null : last.account;
};

/** Whether a message may still be stored for a user: not once the account's end is on its way. */
export const takesMail = (state: ProviderState, user: string): boolean =>
  state.changing === 0 ? state.users.has(user) : state.users.has(user) && upcoming(state, user) !== null;

/** Accounts that there may be once all that is on its way is durable. */
const isFull = ({ users, changing, config }: ProviderState): boolean => users.size + changing >= config.usersMax;

/* Changes */

const change = (
  state: ProviderState,
  commitId: number,
  asker: Asker,
  name: Uint8Array,
  account: Account | null,
): ProviderStep => {
  const user = userId(name);
  const value = account === null ? null : encodeAccount(account);
  const writes = [{ table: usersTable, key: name, value }, ...(account === null ? mailDeletions(state, name) : [])];
  const commit: Commit = { type: "Commit", id: commitId, writes };
  const pending = state.pending.set(commitId, { type: "Account", asker, user, account });
  return { state: { ...state, pending, changing: state.changing + 1 }, effects: [commit], outcomes: [] };
};

/** Of what is in the mailbox, and of what is on its way there: the store takes the latter before this. */
const mailDeletions = ({ mailboxes, pending }: ProviderState, name: Uint8Array): ReadonlyArray<StoreWrite> => {
  const user = userId(name);
  const arriving = [...pending.values()].flatMap((of) => (of.type === "Store" && of.user === user ? [of.number] : []));
  return [...entriesOf(mailboxes, user), ...arriving].map((number) => ({
    table: mailboxTable,
    key: entryKey(name, number),
    value: null,
  }));
};

/** Makes an account over HTTP. Outcome, now or later: Registered. */
export const register = (state: ProviderState, commitId: number, request: Register): ProviderStep => {
  const { id, linkKey, identityKey } = request;
  const refuse = (outcome: RegisterOutcome): ProviderStep =>
    answered(state, { type: "Registered", registered: { type: "Registered", id, outcome } });
  if (!state.config.registration.enabled) return refuse("disabled");
  const name = newUserName(state.config, utf8(request.user));
  if (typeof name === "string") return refuse(name);
  if (upcoming(state, userId(name)) !== null) return refuse("exists");
  if (linkKey.length !== userKeyLength || (identityKey !== null && identityKey.length !== userKeyLength)) {
    return refuse("invalid-name");
  }
  if (isFull(state)) return refuse("store-failed");
  return change(state, commitId, { type: "Register", id }, name, { linkKey, identityKey });
};

/** What the operator asks for. Outcome, now or later: Managed. */
export const manageUser = (
  state: ProviderState,
  commitId: number,
  id: Manage["id"],
  request: UserRequest,
): ProviderStep => {
  const answer = (of: ManageAnswer): ProviderStep =>
    answered(state, { type: "Managed", managed: { type: "Managed", id, answer: of } });
  const user = utf8(request.user);
  const name = request.type === "AddUser"
    ? newUserName(state.config, user)
    : userName(state.config, user) ?? "invalid-name";
  if (typeof name === "string") return answer({ type: "Failed", reason: name });
  const wanted = wantedOf(upcoming(state, userId(name)), request);
  if (wanted.type !== "Change") return answer(wanted);
  if (request.type === "AddUser" && isFull(state)) return answer({ type: "Failed", reason: "too-many-users" });
  return change(state, commitId, { type: "Manage", id }, name, wanted.account);
};

type Wanted = { readonly type: "Change"; readonly account: Account | null } | ManageAnswer;

const changeTo = (account: Account | null): Wanted => ({ type: "Change", account });
const keyOr = (key: Uint8Array | null): Wanted =>
  key === null ? { type: "Failed", reason: "no-identity" } : { type: "Key", key };

/** What a request makes of an account, or the answer. */
const wantedOf = (account: Account | null, request: UserRequest): Wanted => {
  if (request.type === "AddUser") {
    if (account !== null) return { type: "Failed", reason: "exists" };
    return changeTo({ linkKey: request.linkKey, identityKey: null });
  }
  if (account === null) return { type: "Failed", reason: "no-such-user" };
  switch (request.type) {
    case "UpdateUser":
      return changeTo({ ...account, linkKey: request.linkKey });
    case "RemoveUser":
      return changeTo(null);
    case "SetUserIdentity":
      return changeTo({ ...account, identityKey: request.identityKey });
    case "UserIdentity":
      return keyOr(account.identityKey);
    case "UserLink":
      return { type: "Key", key: account.linkKey };
    default:
      return absurd(request);
  }
};

/* The store's answer */

/** A change has become durable, or not; the request is no longer among what is pending. */
export const accountSettled = (
  state: ProviderState,
  { asker, user, account }: AccountChange,
  succeeded: boolean,
): ProviderStep => {
  const settled = { ...state, changing: state.changing - 1 };
  const outcome = outcomeOf(asker, succeeded);
  if (!succeeded) return answered(settled, outcome);
  const users = account === null ? settled.users.delete(user) : settled.users.set(user, account);
  const mailboxes = account === null ? withoutMailbox(settled.mailboxes, user) : settled.mailboxes;
  return {
    state: { ...settled, users, mailboxes },
    effects: [],
    outcomes: [outcome, { type: "AccountChanged", user }],
  };
};

const outcomeOf = ({ type, id }: Asker, succeeded: boolean): ProviderOutcome => {
  if (type === "Register") {
    const registered: Registered = { type: "Registered", id, outcome: succeeded ? "ok" : "store-failed" };
    return { type: "Registered", registered };
  }
  const answer: ManageAnswer = succeeded ? { type: "Done" } : { type: "Failed", reason: "store-failed" };
  const managed: Managed = { type: "Managed", id, answer };
  return { type: "Managed", managed };
};
