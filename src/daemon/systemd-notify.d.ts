/** The npm package brings no types. It runs the program systemd-notify, and rejects with what that printed. */
declare module 'systemd-notify' {
  export default function notify(options: { ready?: boolean; status?: string; pid?: number }): Promise<unknown>;
}
