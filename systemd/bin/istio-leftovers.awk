# Reads the output of iptables-save and writes the input for iptables-restore that removes all rules of Istio: first the
# rules that jump into its chains, then the chains.
# For istio-chains. Variables: `mark`, TPROXY's mark in hexadecimal; `excluded` and `virtual`, the interfaces of
# ISTIO_EXCLUDE_INTERFACES and KUBE_VIRT_INTERFACES; `drop_invalid`, 1 with INVALID_DROP.
# A rule is recognised by its parsed words, never by a part of its text, because a comment can contain any text. Outside
# of Istio's own chains (ISTIO_*), a rule must have exactly the form that istio-iptables of 1.20 to 1.32 makes
# (tools/istio-iptables/pkg/capture/run.go).
# May never print a rule of any other form. Runs in mawk, gawk and busybox.

# words(LINE): puts the words into w[1..]. A quoted word begins with a quote there, so that it is never taken for an
# option.
function words(line,   i, c, n, word, quoted, begun) {
  split("", w)
  if (!index(line, "\"")) return split(line, w, " ")
  for (i = 1; i <= length(line); i++) {
    c = substr(line, i, 1)
    if (c == "\\" && quoted) word = word substr(line, ++i, 1)
    else if (c == "\"") { if (!begun) word = "\""; begun = 1; quoted = !quoted }
    else if (c == " " && !quoted) { if (begun) w[++n] = word; word = ""; begun = 0 }
    else { word = word c; begun = 1 }
  }
  if (begun) w[++n] = word
  return n
}

# parse(LINE): sets `chain`, `match_of`, `target` and `options` of the rule. `match_of` has no "-m tcp" and "-m udp",
# which add nothing to -p.
function parse(line,   n, i) {
  n = words(line)
  chain = w[2]; match_of = ""; target = ""; options = ""
  for (i = 3; i <= n && w[i] != "-j" && w[i] != "-g"; i++) {
    # The value of these options can be any text, quoted or not.
    if (w[i] ~ /^--(comment|string|hex-string|name)$/) { match_of = match_of " " w[i++]; continue }
    if (w[i] == "-m" && (w[i + 1] == "tcp" || w[i + 1] == "udp")) { i++; continue }
    match_of = match_of " " w[i]
  }
  if (i > n) return
  target = w[++i]
  while (++i <= n) { sub(/^"/, "", w[i]); options = options " " w[i] }
}

# kind_of(N): "own" or "no". If other rules decide whether it is Istio's: "dns" (a rule for DNS) or "owner" (a RETURN
# before the redirect).
function kind_of(n,   owner) {
  if (target ~ /^ISTIO_/) return "own"
  if (at[n] == "mangle") return of_tproxy() ? "own" : of_settings(n)
  if (at[n] == "nat" && chain == "OUTPUT" && match_of ~ ("^" TO "? -p udp --dport 53$") && target options == "REDIRECT --to-ports 15053") {
    dns = 1
    return "redirect"
  }
  owner = match_of
  sub(/^ -p udp --[ds]port [0-9]+/, "", owner)
  if (at[n] == "nat" && chain == "OUTPUT" && target options == "RETURN" && owner ~ OWNERS && match_of == " -p udp --dport 53" owner) {
    owner_of[n] = owner
    return "owner"
  }
  if (at[n] == "raw" && target == "CT") return of_zones(owner)
  return of_settings(n)
}

# Conntrack zones of DNS. Only the rule with Istio's own port is certainly Istio's.
function of_zones(owner) {
  if (chain == "OUTPUT" && owner ~ ONE_OWNER) {
    if (match_of options == " -p udp --sport 15053" owner " --zone 2") { dns = proxy[owner] = 1; return "own" }
    return match_of options == " -p udp --dport 53" owner " --zone 1" ? "dns" : "no"
  }
  if (chain == "OUTPUT") return match_of options ~ ("^" TO "? -p udp --dport 53 --zone 2$") ? "dns" : "no"
  return chain == "PREROUTING" && match_of options ~ ("^" FROM "? -p udp --sport 53 --zone 1$") ? "dns" : "no"
}

function of_tproxy(   rule) {
  rule = chain match_of " " target options
  sub(/ --nfmask 0xffffffff --ctmask 0xffffffff$/, "", rule)
  return rule == "PREROUTING -p tcp -m mark --mark " mark " CONNMARK --save-mark" ||
    rule == "OUTPUT -p tcp -m connmark --mark " mark " CONNMARK --restore-mark" ||
    rule == "OUTPUT -o lo -p tcp -m mark --mark " mark " RETURN" ||
    rule ~ /^OUTPUT ! -d (127\.[0-9.]+\/[0-9]+|::1\/128) -o lo -p tcp -m owner --[ug]id-owner [0-9]+ MARK --set-xmark 0x53a\/0xffffffff$/
}

# Rules that an administrator can have too. They are Istio's only if the settings ask for them and chains of Istio
# exist, and only as many as istio-iptables makes. The rules of its trace logging have a group, a size and names of
# their own.
function of_settings(n,   rule) {
  if (target == "NFLOG")
    return chain ~ /^(PREROUTING|OUTPUT)$/ &&
      options ~ /^ --nflog-prefix (JumpInbound|JumpOutbound|KubevirtCommand|ExcludeInterfaceCommand) --nflog-group 1337 --nflog-size 20$/ ? "own" : "no"
  rule = at[n] " " chain match_of " " target options
  if (allowed[rule] < 1) return "no"
  allowed[rule]--
  return "setting"
}

function allow(interfaces, outwards,   list, i) {
  for (i = split(interfaces, list, /[ ,]+/); i > 0; i--) {
    if (list[i] == "") continue
    allowed["nat PREROUTING -i " list[i] " RETURN"]++
    if (!outwards) continue
    allowed["nat OUTPUT -o " list[i] " RETURN"]++
    allowed["mangle PREROUTING -i " list[i] " RETURN"]++
    allowed["mangle OUTPUT -o " list[i] " RETURN"]++
  }
}

BEGIN {
  TO = "( -d [0-9a-f.:]+/(32|128))"; FROM = "( -s [0-9a-f.:]+/(32|128))"
  ONE_OWNER = "^ -m owner --[ug]id-owner [0-9]+$"; OWNERS = "^( -m owner (! )?--[ug]id-owner [0-9-]+)+$"
  allow(excluded, 1); allow(virtual, 0)
  if (drop_invalid) allowed["mangle PREROUTING -m conntrack --ctstate INVALID DROP"] = 1
}

/^[*]/ { table = substr($0, 2); tables[++count] = table }
table !~ /^(nat|raw|mangle|filter)$/ { next }
/^:ISTIO_/ { name = substr($1, 2); chains[table] = chains[table] name "\n"; has_chains[table] = any_chains = 1 }
/^-A ISTIO_OUTPUT .*-m owner / {
  parse($0)
  # This chain names the users whose traffic is excluded. Their rules also stand before the redirect of DNS.
  if (table == "nat" && target options == "RETURN" && match_of ~ OWNERS) known[match_of] = any_known = 1
}
/^-A / && !/^-A ISTIO_/ {
  text[++rules] = substr($0, 4); at[rules] = table
  parse($0)
  on[rules] = chain; kind[rules] = kind_of(rules)
}

# A RETURN is Istio's if its owner is known. If no chain names the owners any more, it is Istio's if it stands right
# before Istio's redirect. If the raw table still names the user of the proxy, only from the first RETURN of that user
# on.
function settle_owners(   i, j, first, begun) {
  for (i = 1; i <= rules; i++) {
    if (at[i] != "nat" || on[i] != "OUTPUT") continue
    if (kind[i] == "owner") {
      if (known[owner_of[i]] || proxy[owner_of[i]]) own[i] = 1
      if (!first || (!begun && proxy[owner_of[i]])) first = i
      if (proxy[owner_of[i]]) begun = 1
      continue
    }
    if (kind[i] == "redirect" && first && !any_known) for (j = first; j < i; j++) if (kind[j] == "owner") own[j] = 1
    first = begun = 0
  }
}

END {
  settle_owners()
  for (i = 1; i <= rules; i++) {
    if (kind[i] == "own" || kind[i] == "redirect" || own[i] || (kind[i] == "dns" && (dns || any_chains)) ||
      (kind[i] == "setting" && (at[i] == "mangle" && text[i] !~ /INVALID/ ? has_chains[at[i]] : any_chains)))
      removed[at[i]] = removed[at[i]] "-D " text[i] "\n"
  }
  for (t = 1; t <= count; t++) {
    table = tables[t]
    if (removed[table] chains[table] == "") continue
    printf "*%s\n%s", table, removed[table]
    for (step = 1; step <= 2; step++)
      for (i = 1; i < split(chains[table], list, "\n"); i++) print (step == 1 ? "-F " : "-X ") list[i]
    print "COMMIT"
  }
}
