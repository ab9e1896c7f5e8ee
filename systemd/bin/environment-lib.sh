# shellcheck shell=sh
# Takes out of the environment what Node, OpenSSL, libc and the programs that root runs here listen to: some of it loads foreign code, some
# turns the verification of TLS off, sends names or requests elsewhere, or makes systemctl do nothing. Sourced, never run; it reads no file.
# docs/environment.md has each name, with who listens to it and why it goes or stays. The environment is that of an operator's shell (sudo
# -E), of `systemctl edit` and `systemctl set-environment`, or of DefaultEnvironment.

while read -r _ assignment; do
  name=${assignment%%=*}
  case $name in
    # A further line of a value.
    '' | [0-9]* | *[!A-Za-z0-9_]*) ;;
    NODE_* | UV_* | UNDICI_* | ICU_* | WATCH_REPORT_DEPENDENCIES) unset "$name" ;;
    OPENSSL_* | SSL_* | SSLKEYLOGFILE | OSSL_* | QLOGDIR | CTLOG_FILE | RANDFILE) unset "$name" ;;
    *_proxy | *_PROXY) unset "$name" ;;
    HOSTALIASES | LOCALDOMAIN | RES_OPTIONS | RESOLV_* | CARES_HOSTS) unset "$name" ;;
    GLIBC_TUNABLES | GCONV_PATH | GETCONF_DIR | LOCPATH | NLSPATH | MALLOC_* | TZDIR | TMPDIR) unset "$name" ;;
    LOG_STREAM | LOG_TOKENS | DEBUG) unset "$name" ;;
    XTABLES_* | IPTABLES_* | IP6TABLES_* | IP_LIB_DIR | TC_LIB_DIR | NFT_*) unset "$name" ;;
    SYSTEMD_* | SYSTEMCTL_* | DBUS_*) unset "$name" ;;
    DPKG_* | TAR_OPTIONS | POSIXLY_CORRECT | _POSIX2_VERSION | BLOCK_SIZE | BLOCKSIZE) unset "$name" ;;
  esac
done <<EOF
$(export -p)
EOF
unset name assignment
