/** What may not be in a name: control characters, line separators, half characters, and marks that reorder text. */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}]/u;

/** 1 to 100 characters; with the `u` flag a character is a code point, as in JSON Schema. */
const LENGTH = /^.{1,100}$/su;

/** The name in a parsed message, without the blanks around it; `undefined` where there is none that we would use. */
export function usableName(message) {
  if (typeof message?.name !== "string") return undefined;
  const name = message.name.trim();
  return LENGTH.test(name) && !UNSAFE.test(name) ? name : undefined;
}
