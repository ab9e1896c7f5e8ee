# shellcheck shell=sh
# Removes environment variables that change how Node, OpenSSL, libc and the programs of these scripts work. The scripts
# run as root. Some variables load foreign code; others turn off the verification of TLS, send names or requests
# elsewhere, or make systemctl do nothing. docs/environment.md has every name, who reads it, and why it goes or stays.
# The variables come from an operator's shell (sudo -E), `systemctl edit`, `systemctl set-environment` or
# DefaultEnvironment. Sourced, never run. Reads no file.

while read -r _ assignment; do
  name=${assignment%%=*}
  case $name in
    # Not a variable: the next line of a value that has several lines.
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
