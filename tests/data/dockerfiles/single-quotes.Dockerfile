FROM python:3.13-slim
USER 1000
CMD ['uvicorn', 'app:app']
