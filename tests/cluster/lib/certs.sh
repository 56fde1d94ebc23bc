# Certificates and kubeconfigs of one rig cluster, all signed by its own CA. Sourced by tests/cluster/rig.
# shellcheck shell=bash

# sign NAME SUBJECT [EXTENSION LINES...]: writes pki/NAME.key and pki/NAME.crt signed by the cluster's CA.
sign() {
  local name="$1" subject="$2"
  shift 2
  openssl ecparam -name prime256v1 -genkey -noout -out "$PKI/$name.key"
  openssl req -new -key "$PKI/$name.key" -subj "$subject" -out "$PKI/$name.csr"
  printf '%s\n' "keyUsage=digitalSignature" "$@" >"$PKI/$name.ext"
  openssl x509 -req -in "$PKI/$name.csr" -CA "$PKI/ca.crt" -CAkey "$PKI/ca.key" -CAcreateserial -days 365 \
    -extfile "$PKI/$name.ext" -out "$PKI/$name.crt" 2>/dev/null
  rm -f "$PKI/$name.csr" "$PKI/$name.ext"
}

# make_certificates ADDRESS SERVICE_IP
make_certificates() {
  local user
  mkdir -p "$PKI"
  openssl ecparam -name prime256v1 -genkey -noout -out "$PKI/ca.key"
  openssl req -x509 -new -key "$PKI/ca.key" -subj "/CN=meshplay-rig-ca" -days 365 -out "$PKI/ca.crt" \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign,digitalSignature"
  sign apiserver "/CN=kube-apiserver" "extendedKeyUsage=serverAuth" \
    "subjectAltName=DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:$1,IP:$2"
  for user in "admin /O=system:masters/CN=meshplay-rig-admin" "controller-manager /CN=system:kube-controller-manager" \
    "scheduler /CN=system:kube-scheduler" "kwok /O=system:masters/CN=meshplay-rig-kwok" \
    "standin /O=system:masters/CN=meshplay-rig-standin" "proxy /CN=front-proxy-client"; do
    sign "${user%% *}" "${user#* }" "extendedKeyUsage=clientAuth"
  done
  openssl genrsa -out "$PKI/service-account.key" 2048 2>/dev/null
  openssl rsa -in "$PKI/service-account.key" -pubout -out "$PKI/service-account.pub" 2>/dev/null
}

# write_kubeconfig FILE USER: client certificate embedded, so the file can be copied elsewhere.
write_kubeconfig() {
  {
    kubeconfig_head
    printf '      client-certificate-data: %s\n' "$(base64 -w0 <"$PKI/$2.crt")"
    printf '      client-key-data: %s\n' "$(base64 -w0 <"$PKI/$2.key")"
  } >"$1"
}

# write_token_kubeconfig FILE TOKEN
write_token_kubeconfig() {
  {
    kubeconfig_head
    printf '      token: %s\n' "$2"
  } >"$1"
}

kubeconfig_head() {
  cat <<END
apiVersion: v1
kind: Config
current-context: $NAME
clusters:
  - name: $NAME
    cluster:
      server: $SERVER
      certificate-authority-data: $(base64 -w0 <"$PKI/ca.crt")
contexts:
  - name: $NAME
    context: {cluster: $NAME, user: $NAME-admin}
users:
  - name: $NAME-admin
    user:
END
}
