{{- define "istiod.suffix" -}}{{ if .Values.revision }}-{{ .Values.revision }}{{ end }}{{- end -}}
{{- define "istiod.rev" -}}{{ .Values.revision | default "default" }}{{- end -}}
{{- define "istiod.tag" -}}
{{ .Values.tag | default .Values.global.tag | default .Chart.AppVersion }}{{ with .Values.variant | default .Values.global.variant }}-{{ . }}{{ end }}
{{- end -}}
{{- define "istiod.checkProfile" -}}
{{- if not (has .Values.profile (list "" "default" "demo" "minimal" "empty" "ambient" "preview" "remote" "stable")) -}}
{{- fail (printf "unknown profile %s" .Values.profile) -}}
{{- end -}}
{{- if eq .Values.revision "default" -}}{{ fail "revision cannot be 'default'; leave it empty" }}{{- end -}}
{{- end -}}
