/**
 * A line of JSON for each thing worth saying, in the fields of Lambda's own JSON log format.
 *
 * Nothing that a caller sends can forge a line: JSON escapes line breaks.
 */
export function makeLog(write, context) {
  return (level, message, fields) =>
    write(
      JSON.stringify({ timestamp: new Date().toISOString(), level, requestId: context?.awsRequestId, message, ...fields }),
    );
}

/** Standard output as it is: the runtime's `console` would put text before the JSON, or wrap it once more. */
export function writeLine(line) {
  process.stdout.write(`${line}\n`);
}
