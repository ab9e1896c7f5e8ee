/** The npm package has no types. It runs the program systemd-notify, and rejects with the output of the program. */
declare module 'systemd-notify' {
  export default function notify(options: { ready?: boolean; status?: string; pid?: number }): Promise<unknown>;
}
