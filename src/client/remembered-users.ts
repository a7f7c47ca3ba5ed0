import type { Subscription } from '../session/state';

/** Who subscribed at run time, by subscriber, each with a note in its own words. Kept in `Subscription.users`. */
export type RememberedUsers = Map<string, string>;

export function rememberedUsers(subscription: Subscription | undefined): RememberedUsers {
  if (subscription?.users === undefined) return new Map();
  const entries: unknown = JSON.parse(subscription.users);
  if (!Array.isArray(entries)) return new Map();
  return new Map(entries as [string, string][]);
}

/** `undefined` when nobody is to be remembered. */
export function formatUsers(users: RememberedUsers): string | undefined {
  return users.size === 0 ? undefined : JSON.stringify([...users]);
}

/** The subscriptions in which `subscriber` is remembered, each with its note. Those that are being removed are not. */
export function rememberedBy(
  subscriptions: readonly Subscription[],
  subscriber: string,
): { subscription: Subscription; note: string }[] {
  return subscriptions.flatMap((subscription) => {
    if (subscription.state === 'removing') return [];
    const note = rememberedUsers(subscription).get(subscriber);
    return note === undefined ? [] : [{ subscription, note }];
  });
}
