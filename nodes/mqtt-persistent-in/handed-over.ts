let current: Promise<void> | undefined;

/**
 * Resolves when the nodes behind have got what was sent up to now. Node-RED gives a message to the next node by
 * setImmediate: acknowledged before, it would be lost if the process is killed in between. One promise serves all
 * messages of a turn of the event loop.
 */
export function handedOver(): Promise<void> {
  current ??= new Promise((resolve) => {
    // The first runs among the deliveries that it waits for; the second behind all of them.
    setImmediate(() => {
      current = undefined;
      setImmediate(resolve);
    });
  });
  return current;
}
