{{/* The labels that say what an object is; the context is (dict "chart" $ "component" NAME). */}}
{{- define "frazil.selector" -}}
app.kubernetes.io/name: frazil
app.kubernetes.io/component: {{ .component | quote }}
{{- end }}

{{- define "frazil.labels" -}}
{{ include "frazil.selector" . }}
app.kubernetes.io/instance: {{ .chart.Release.Name | quote }}
app.kubernetes.io/version: {{ .chart.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .chart.Release.Service | quote }}
helm.sh/chart: {{ .chart.Chart.Name }}-{{ .chart.Chart.Version }}
{{- end }}

{{/* What both pods are allowed: nothing, as Pod Security `restricted` demands. */}}
{{- define "frazil.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "frazil.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Where both pods may run, and with what they pull. */}}
{{- define "frazil.placement" -}}
{{- range $field := list "imagePullSecrets" "nodeSelector" "tolerations" "priorityClassName" }}
{{- with get $.Values $field }}
{{ $field }}: {{ toJson . }}
{{- end }}
{{- end }}
{{- end }}

{{/* The Secret with the store's root account and the key that accounts are derived from. */}}
{{- define "frazil.rootSecret" -}}
{{ .Values.store.embedded.existingSecret | default "frazil-root" }}
{{- end }}
